// Copyright (C) Evolu Auth Authors
//
// nginx with the module, redis-server, and keys made by evolu-keys, for tests
// with real clients.  All of it is in one folder and ends with the process.
//
//     const edge = await start(upstreamPort);
//     edge.url, edge.tls, edge.open, edge.strict, edge.limited, edge.key
//                          servers of the preset: as it is, over TLS, with all
//                          that a switch can open, with all that one can close,
//                          with the failure limit (of which the others exempt
//                          their clients), with a key of the upstream's own
//     edge.log(NAME)       what a log holds
//     edge.stop()

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const GLOBAL = 'GLOBAL-KEY-OF-THE-HOUSE';
export const ALPHA = 'ALPHA-TOKEN-1111';
export const BETA = 'BETA-TOKEN-2222';
export const UPSTREAM_KEY = 'THE-UPSTREAM-OWN-KEY';
export const INSTANCES = { alpha: ALPHA, beta: BETA };

async function freePort() {
    const server = net.createServer().listen(0, '127.0.0.1');

    await once(server, 'listening');

    const { port } = server.address();

    server.close();
    await once(server, 'close');

    return port;
}

async function until(what, test) {
    for (let i = 0; i < 600; i++) {
        if (await test()) {
            return;
        }

        await sleep(50);
    }

    throw new Error(`waited in vain for ${what}`);
}

const answers = (port) => new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
        .on('connect', () => resolve(socket.end() && true))
        .on('error', () => resolve(false));
});

export async function start(upstreamPort) {
    const { BUILD, EVOLU_TOP: top, EVOLU_NGINX = '/usr/sbin/nginx' }
        = process.env;
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'evolu-clients-'));
    const at = (name) => path.join(dir, name);
    const [plain, tls, open, strict, limited, key] = await Promise.all(
        Array.from({ length: 6 }, freePort));
    const children = [];
    const pepper = 'ab'.repeat(32);

    fs.chmodSync(dir, 0o755);
    fs.writeFileSync(at('p1'), `${pepper}\n`, { mode: 0o600 });

    function run(command, ...args) {
        const log = fs.openSync(at(`${path.basename(command)}.log`), 'a');

        children.push(spawn('setpriv',
            ['--pdeathsig', 'KILL', command, ...args],
            { stdio: ['ignore', log, log] }));
    }

    const keys = (input, ...args) => execFileSync(`${BUILD}/evolu-keys`,
        ['--pepper', `p1:${at('p1')}`, ...args, '--token', '-'],
        { input, stdio: ['pipe', 'ignore', 'ignore'] });

    run('redis-server', '--port', '0', '--unixsocket', at('redis.sock'),
        '--unixsocketperm', '777', '--save', '', '--dir', dir);
    await until('redis-server', () => fs.existsSync(at('redis.sock')));

    for (const [name, token] of Object.entries(INSTANCES)) {
        keys(token, '--redis', `unix:${at('redis.sock')}`, 'create',
            'instance', name);
    }

    keys(GLOBAL, '--file', at('keys'), 'create', 'global');

    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes',
        '-days', '2', '-subj', '/CN=localhost', '-addext',
        'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', at('tls.key'),
        '-out', at('tls.crt')], { stdio: 'ignore' });

    const include = `include ${top}/conf/evolution-api.conf;`;
    const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `${name}_temp_path ${at(`temp_${name}`)};`).join('\n');

    fs.writeFileSync(at('nginx.conf'), `
load_module ${BUILD}/ngx_http_evolu_auth_module.so;
daemon off;
master_process off;
pid ${at('nginx.pid')};
error_log ${at('error.log')} info;

events {
}

http {
    ${temp}
    include ${top}/conf/http.conf;
    log_format all '$request $request_uri $uri?$args';
    access_log ${at('access.log')} evolu_safe;

    # whoever tests fails more often than others

    map $remote_addr $evolu_failures {
        default evolu_failures;
        127.0.0.1 off;
    }

    evolu_auth_zone zone=evolu:4m;
    evolu_auth_pepper p1 ${at('p1')};
    evolu_auth_key_file ${at('keys')};
    evolu_auth_redis unix:${at('redis.sock')} timeout=2s connect_timeout=2s;

    upstream evolution_api {
        server 127.0.0.1:${upstreamPort};
        keepalive 16;
    }

    server {
        listen 127.0.0.1:${plain};
        ${include}
    }

    server {
        listen 127.0.0.1:${tls} ssl http2;
        ssl_certificate ${at('tls.crt')};
        ssl_certificate_key ${at('tls.key')};
        ${include}
    }

    server {
        listen 127.0.0.1:${open};
        access_log ${at('access-all.log')} all;
        set $evolu_open_manager on;
        set $evolu_open_webhooks on;
        set $evolu_open_store on;
        set $evolu_socket_by_token on;
        evolu_auth_preflight on;
        ${include}
    }

    server {
        listen 127.0.0.1:${strict};
        set $evolu_fetch_by_token off;
        set $evolu_s3_by_token off;
        ${include}
    }

    server {
        listen 127.0.0.1:${limited};
        set $evolu_failures evolu_failures;
        ${include}
    }

    server {
        listen 127.0.0.1:${key};
        set $evolu_upstream_key "${UPSTREAM_KEY}";
        ${include}
    }
}
`, { mode: 0o600 });

    run(EVOLU_NGINX, '-e', at('error.log'), '-p', dir, '-c', at('nginx.conf'));
    await until('nginx', () => answers(key));

    return {
        dir,
        url: `http://127.0.0.1:${plain}`,
        tls: `https://127.0.0.1:${tls}`,
        open: `http://127.0.0.1:${open}`,
        strict: `http://127.0.0.1:${strict}`,
        limited: `http://127.0.0.1:${limited}`,
        key: `http://127.0.0.1:${key}`,
        ca: fs.readFileSync(at('tls.crt')),
        caFile: at('tls.crt'),
        log: (name) => fs.readFileSync(at(name), 'latin1'),

        async stop() {
            for (const child of children) {
                child.kill('SIGKILL');
                await once(child, 'exit');
            }

            fs.rmSync(dir, { recursive: true });
        },
    };
}
