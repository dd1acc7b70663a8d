// Copyright (C) Evolu Auth Authors
//
// Clients of Evolution API, unchanged, through the edge: scripts/clients.sh.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';

import axios from 'axios';
import { io } from 'socket.io-client';
import { Agent, Pool, fetch, request } from 'undici';

import { ALPHA, BETA, GLOBAL, INSTANCES, UPSTREAM_KEY, start } from './edge.js';
import { evolution } from './evolution.js';
import { calls, run } from './n8n.js';

const UNAUTHORIZED = '{"status":401,"error":"Unauthorized",'
    + '"response":{"message":"Unauthorized"}}';
const MEGABYTES = 100;
const STATE = '/instance/connectionState';

let api;
let edge;

before(async () => {
    api = await evolution({ globalKey: [GLOBAL, UPSTREAM_KEY],
        instances: INSTANCES }).listen();
    edge = await start(api.port);
});

after(async () => {
    const log = edge?.log('error.log') ?? '';

    await edge?.stop();
    await api?.close();
    assert.doesNotMatch(log, /\[(alert|crit|emerg)\]/);
});

beforeEach(() => api.reset());

const reached = () => api.seen.map(({ method, url }) => `${method} ${url}`);

describe('n8n-nodes-evolution-api', () => {
    // what each operation asks for, and what comes back, by one key

    async function all(url, key) {
        const requests = [];
        const silent = [];

        for (const call of calls()) {
            api.reset();

            const { answers, error } = await run(call, url, key,
                call.operation === 'instance-basic' ? 'fresh' : 'alpha');

            if (answers.length === 0) {
                silent.push(`${call.operation}: ${error.description}`);
            }

            for (const one of answers) {
                requests.push({ ...one, error, seen: [...api.seen],
                    line: `${one.method} ${one.uri.slice(url.length)}` });
            }
        }

        return { requests, silent };
    }

    test('its own token: every operation, but for create', async () => {
        const { requests, silent } = await all(edge.url, ALPHA);

        // two choices of its form are none of its own operations

        assert.deepEqual(silent, [
            'difyBot: Operação do Dify não reconhecida',
            'flowise-bot: Operação do Flowise não reconhecida']);
        assert.ok(requests.length >= 62, `${requests.length} requests`);

        for (const { line, status, seen, body } of requests) {
            if (line === 'POST /instance/create') {
                assert.equal(status, 403, line);
                assert.equal(seen.length, 0, line);
                assert.deepEqual(body.response.message, [
                    'Missing global api key',
                    'The global api key must be set']);
                continue;
            }

            assert.ok(status < 300, `${line}: ${status}`);
            assert.deepEqual(seen.map((one) => `${one.method} ${one.url}`),
                [line]);
            assert.equal(seen[0].headers.apikey, ALPHA);
            assert.equal(seen[0].headers['x-evolu-instance'], 'alpha', line);
        }
    });

    test('another\'s token: none, and the error says why', async () => {
        const { requests } = await all(edge.url, BETA);

        for (const { line, status, seen, error } of requests) {
            assert.equal(status, line.startsWith('POST /instance/create')
                ? 403 : 401, line);
            assert.equal(seen.length, 0, line);

            if (status === 401) {
                assert.ok(`${error.message} ${error.description}`
                    .includes(UNAUTHORIZED), line);
            }
        }
    });

    test('the global key: every operation', async () => {
        const { requests } = await all(edge.url, GLOBAL);

        for (const { line, status } of requests) {
            assert.ok(status < 300, `${line}: ${status}`);
        }
    });

    test('with a key of the upstream\'s own: as its token', async () => {
        const { requests } = await all(edge.key, ALPHA);

        for (const { line, status, seen } of requests) {
            if (line === 'POST /instance/create') {
                assert.equal(status, 403, line);
                continue;
            }

            assert.ok(status < 300, `${line}: ${status}`);
            assert.equal(seen[0].headers.apikey, UPSTREAM_KEY, line);
        }
    });

    test('the test of its credential', async () => {
        for (const url of [edge.url, edge.key]) {
            const { status, data } = await axios.get(
                `${url}/instance/fetchInstances`,
                { headers: { apikey: ALPHA } });

            assert.equal(status, 200);
            assert.deepEqual(data.map(({ name }) => name), ['alpha']);
        }
    });
});

describe('axios', () => {
    const get = (url, headers) => axios.get(url,
        { headers, validateStatus: () => true });

    test('the header in any case, and a slash at the end', async () => {
        for (const name of ['apikey', 'ApiKey', 'APIKEY']) {
            const { status, data } = await get(`${edge.url}${STATE}/alpha/`,
                { [name]: ALPHA, 'Content-Type': 'application/json' });

            assert.equal(status, 200);
            assert.deepEqual(data, { acts_on: 'alpha' });
        }
    });

    test('an error it understands', async () => {
        const error = await axios.get(`${edge.url}${STATE}/alpha`,
            { headers: { apikey: BETA } }).catch((thrown) => thrown);

        assert.equal(error.response.status, 401);
        assert.equal(error.response.data.response.message, 'Unauthorized');
        assert.deepEqual(reached(), []);
    });

    test('a key elsewhere is none', async () => {
        const url = `${edge.url}${STATE}/alpha`;

        assert.equal((await get(url, { Authorization: `Bearer ${ALPHA}` }))
            .status, 401);
        assert.equal((await get(`${url}?apikey=${ALPHA}`)).status, 401);
        assert.equal((await axios.post(`${edge.url}/message/sendText/alpha`,
            { apikey: ALPHA }, { validateStatus: () => true })).status, 401);
        assert.deepEqual(reached(), []);
    });

    test('a flood of guesses is 429, good keys go on', async () => {
        const state = (apikey, name = 'alpha') => get(
            `${edge.limited}${STATE}/${name}`, { apikey });
        let last;

        assert.equal((await state(ALPHA)).status, 200);

        for (let guess = 0; guess < 600 && last?.status !== 429; guess++) {
            last = await state(`guess-number-${guess}`);
            assert.ok(guess >= 60 || last.status === 401, `guess ${guess}`);
        }

        assert.equal(last.status, 429);
        assert.equal(last.data.response.message[0], 'Too Many Requests');
        assert.ok(Number(last.headers['retry-after']) >= 1);
        assert.equal((await state(ALPHA)).status, 200);
        assert.equal((await state(GLOBAL)).status, 200);
        assert.equal((await get(`${edge.url}${STATE}/alpha`,
            { apikey: 'an exempt one' })).status, 401);
    });

    test('the manager\'s way in', async () => {
        const { data } = await axios.get(`${edge.open}/`);

        assert.equal(data.version, '2.3.6');
        assert.equal(data.manager, `${edge.open}/manager`);

        const { status } = await axios.post(`${edge.open}/verify-creds`, {},
            { headers: { apikey: GLOBAL } });

        assert.equal(status, 200);
        assert.equal((await get(`${edge.url}/`)).status, 401);
        assert.equal((await get(`${edge.url}/manager`)).status, 401);
    });
});

describe('undici', () => {
    test('many requests on few connections, each judged', async () => {
        const pool = new Pool(edge.url, { connections: 4, pipelining: 8 });
        const asked = Array.from({ length: 400 }, (_, n) => n % 4);
        const keys = [{ apikey: ALPHA }, { apikey: BETA }, {},
            { apikey: GLOBAL }];
        const answers = await Promise.all(asked.map(async (which) => {
            const { statusCode, body } = await pool.request({
                path: `${STATE}/alpha`, method: 'GET', headers: keys[which] });

            return [which, statusCode, await body.text()];
        }));

        for (const [which, status, text] of answers) {
            assert.equal(status, [200, 401, 401, 200][which]);
            assert.equal(text, status === 401 ? UNAUTHORIZED
                : '{"acts_on":"alpha"}');
        }

        assert.equal(api.seen.length, 200);
        await pool.close();
    });

    test('two keys are refused, even if equal', async () => {
        const { statusCode, body } = await request(`${edge.url}${STATE}/alpha`,
            { headers: ['apikey', ALPHA, 'apikey', ALPHA] });

        assert.equal(statusCode, 401);
        assert.equal(await body.text(), UNAUTHORIZED);
    });

    test('fetch: a preflight, where the switch is on', async () => {
        const options = { method: 'OPTIONS', headers: {
            Origin: 'https://app.example',
            'Access-Control-Request-Method': 'POST' } };
        const on = await fetch(`${edge.open}/message/sendText/alpha`, options);
        const off = await fetch(`${edge.url}/message/sendText/alpha`, options);

        assert.equal(on.status, 204);
        assert.equal(on.headers.get('access-control-allow-origin'),
            'https://app.example');
        assert.equal(off.status, 401);
    });
});

describe('socket.io-client', () => {
    const open = (url, options) => {
        const socket = io(url, { reconnection: false, forceNew: true,
            ...options });

        return new Promise((resolve) => {
            socket.on('connect', () => resolve({ socket }));
            socket.on('connect_error', (error) => {
                socket.close();
                resolve({ error });
            });
        });
    };
    const refused = async (url, options, status) => {
        const { socket, error } = await open(url, options);

        socket?.close();
        assert.ok(error, 'it was let in');

        if (options.transports?.[0] !== 'websocket') {
            assert.equal(error.description, status);
        }
    };
    const accepted = async (url, options) => {
        const { socket, error } = await open(url, options);

        assert.ifError(error);

        const [back] = await Promise.all([once(socket, 'echo'),
            socket.emit('echo', 'across')]);

        assert.deepEqual(back, ['across']);
        socket.close();
    };

    for (const transports of [undefined, ['polling'], ['websocket']]) {
        const by = transports ?? 'polling, then websocket';

        test(`${by}: the global key, and nothing less`, async () => {
            await accepted(edge.url, { transports, query: { apikey: GLOBAL } });
            await accepted(edge.url,
                { transports, extraHeaders: { apikey: GLOBAL } });

            await refused(edge.url, { transports }, 401);
            await refused(edge.url, { transports, auth: { apikey: GLOBAL } },
                401);
            await refused(edge.url, { transports, query: { apikey: ALPHA } },
                403);
            await refused(edge.url,
                { transports, extraHeaders: { apikey: ALPHA } }, 403);
            await refused(edge.url, { transports, query: { apikey: GLOBAL },
                extraHeaders: { apikey: GLOBAL } }, 401);
        });

        test(`${by}: tokens, where the switch is on`, async () => {
            await accepted(edge.open, { transports, query: { apikey: ALPHA } });
            await accepted(edge.open,
                { transports, extraHeaders: { apikey: BETA } });
            await refused(edge.open,
                { transports, query: { apikey: 'NOBODY-S-TOKEN' } }, 401);
        });
    }

    test('with a key of the upstream\'s own: nobody', async () => {
        await refused(edge.key, { query: { apikey: GLOBAL } }, 404);
        await refused(edge.key, { extraHeaders: { apikey: ALPHA } }, 404);
        assert.deepEqual(reached(), []);
    });

    test('over TLS', async () => {
        await accepted(edge.tls, { ca: edge.ca, query: { apikey: GLOBAL } });
        await accepted(edge.tls, { ca: edge.ca, query: { apikey: GLOBAL },
            transports: ['websocket'] });
    });

    test('a WebSocket that stays open', async () => {
        const { socket, error } = await open(edge.url,
            { query: { apikey: GLOBAL }, transports: ['websocket'] });

        assert.ifError(error);

        for (let pings = 0; pings < 20; pings++) {
            await once(socket.io, 'ping');
        }

        assert.ok(socket.connected);
        socket.close();
    });

    test('the key of the query is in no log', async () => {
        const key = `%47${GLOBAL.slice(1)}`;

        await accepted(edge.open, { query: { apikey: GLOBAL } });
        assert.equal((await fetch(
            `${edge.open}/socket.io/?EIO=4&transport=polling&apikey=${key}`))
            .status, 200);

        for (const { url, headers } of api.seen) {
            assert.ok(!url.includes('apikey'), url);
            assert.equal(headers.apikey, GLOBAL);
        }

        for (const name of ['access.log', 'access-all.log', 'error.log']) {
            assert.ok(!edge.log(name).includes(GLOBAL.slice(1)), name);
        }

        assert.match(edge.log('access-all.log'), /apikey=\*{23}/);
    });
});

describe('curl', () => {
    const execute = promisify(execFile);

    async function curl(...args) {
        const { stdout } = await execute('curl', ['-sS', '--max-time', '60',
            '--cacert', edge.caFile, '-o', '-', '-w',
            '\n%{http_code} %{http_version} %{size_upload}', ...args],
            { maxBuffer: 1 << 20 }).catch((error) => error);
        const [, text, status, version, sent] = stdout.match(
            /^(.*)\n(\d+) (\S+) (\d+)$/s);

        return { text, status: Number(status), version, sent: Number(sent) };
    }

    const VERSIONS = [['1.0', '--http1.0'], ['1.1', '--http1.1'],
        ['2', '--http2']];

    for (const [version, option] of VERSIONS) {
        test(`HTTP/${version}, plain and TLS`, async () => {
            const urls = version === '2' ? [edge.tls] : [edge.url, edge.tls];

            for (const url of urls) {
                const ask = (name, ...more) => curl(option,
                    `${url}${STATE}/${name}`, ...more);
                const good = await ask('alpha', '-H', `apikey: ${ALPHA}`);

                assert.deepEqual(good, { text: '{"acts_on":"alpha"}',
                    status: 200, version: version === '2' ? '2' : '1.1',
                    sent: 0 });
                assert.equal((await ask('alpha')).text, UNAUTHORIZED);
                assert.equal((await ask('beta', '-H', `apikey: ${ALPHA}`))
                    .text, UNAUTHORIZED);
                assert.equal((await ask('alpha?instanceName=beta', '-H',
                    `apikey: ${ALPHA}`)).status, 403);

                const posted = await curl(option,
                    `${url}/message/sendText/alpha`, '-H', `apikey: ${ALPHA}`,
                    '-H', 'Content-Type: application/json', '-d',
                    '{"number":"5511","text":"hello"}');

                assert.equal(posted.status, 201);
            }
        });
    }

    describe(`an upload of ${MEGABYTES} MB`, () => {
        let file;
        let sha256;

        before(() => {
            const megabyte = crypto.randomBytes(1 << 20);
            const hash = crypto.createHash('sha256');

            file = path.join(edge.dir, 'upload');

            for (let i = 0; i < MEGABYTES; i++) {
                fs.appendFileSync(file, megabyte);
                hash.update(megabyte);
            }

            sha256 = hash.digest('hex');
        });

        const send = (url, key, ...more) => curl('-T', file, '-X', 'POST',
            '-H', 'Content-Type: application/octet-stream',
            '-H', `apikey: ${key}`, `${url}/message/sendMedia/alpha`, ...more);

        test('with a bad key: refused before it is sent', async () => {
            const { text, sent } = await send(edge.url, BETA);

            assert.equal(text, UNAUTHORIZED);
            assert.equal(sent, 0);
            assert.deepEqual(reached(), []);
        });

        test('from a client that does not ask first: cut off', async () => {
            for (const more of [[edge.url], [edge.tls, '--http2']]) {
                const [url, ...options] = more;
                const { status, sent } = await send(url, BETA, '-H', 'Expect:',
                    ...options);

                assert.equal(status, 401);
                assert.ok(sent < MEGABYTES << 19, `${sent} bytes were sent`);
                assert.deepEqual(reached(), []);
            }
        });

        test('with a good one: it is there, byte for byte', async () => {
            for (const more of [[edge.url], [edge.tls, '--http2'],
                [edge.url, '-H', 'Transfer-Encoding: chunked']])
            {
                const { text, status } = await send(more[0], ALPHA,
                    ...more.slice(1));

                assert.equal(status, 201);
                assert.equal(JSON.parse(text).sha256, sha256);
            }
        });

        test('is passed on while it comes', async () => {
            async function* body() {
                yield Buffer.alloc(1 << 16);

                for (let i = 0; i < 600 && api.received === 0; i++) {
                    await new Promise((resolve) => setTimeout(resolve, 50));
                }

                assert.ok(api.received > 0, 'the edge kept it');
                yield Buffer.alloc(1 << 16);
            }

            const { statusCode, body: answer } = await request(
                `${edge.url}/message/sendMedia/alpha`, { method: 'POST',
                    headers: { apikey: ALPHA,
                        'content-type': 'application/octet-stream' },
                    body: body(), dispatcher: new Agent() });

            await answer.dump();
            assert.equal(statusCode, 201);
            assert.equal(api.received, 1 << 17);
        });
    });
});
