// Copyright (C) Evolu Auth Authors
//
// Prints docs/holes.md: each hole of Evolution API, straight at an upstream
// that has it (evolution.js), and through the edge.  What a hole lets happen and
// what the edge answers is held to what is told here, so that neither can change
// unseen.  See scripts/holes.sh.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { ALPHA, GLOBAL, INSTANCES, UPSTREAM_KEY, start } from './edge.js';
import { evolution } from './evolution.js';

const STATE = 'instance/connectionState';
const JSON_BODY = '-H "Content-Type: application/json"';
const UPGRADE = '-o /dev/null -m 3 -H "Connection: Upgrade" '
    + '-H "Upgrade: websocket" -H "Sec-WebSocket-Version: 13" '
    + '-H "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="';
const AS_ALPHA = '-H "apikey: $ALPHA"';
const AS_GLOBAL = '-H "apikey: $GLOBAL"';

// [title, text, [[upstream's answer, edge's answer, request, where]...]]: the
// request is asked of $UP and then of $EDGE, or of another server of the edge.

const PARTS = [
    ['Who acts on what', [
        ['The query overrides the path',
            'The key is checked for the instance of the path; then an '
            + 'argument names another one (issue #2435). Destructive routes '
            + 'are no exception.',
            [
                [/"beta".*200/, 403,
                    `${AS_ALPHA} "HOST/${STATE}/alpha?instanceName=beta"`],
                [/"beta".*200/, 403, `-X DELETE ${AS_ALPHA} `
                    + '"HOST/instance/delete/alpha?instanceName=beta"'],
                [/"beta".*200/, 403,
                    `${AS_ALPHA} "HOST/${STATE}/alpha?%69nstanceName=beta"`],
                [/"beta".*200/, 403, `-g ${AS_ALPHA} `
                    + `"HOST/${STATE}/alpha?a=1&instanceName[]=beta"`],
                [/"beta".*200/, 403, `${AS_ALPHA} `
                    + `"HOST/${STATE}/alpha?instanceName%5B%5D=beta"`],
            ]],
        ['A text in the query makes an instance token a global key',
            'The guards look for two texts anywhere in the target. At the '
            + 'edge these may be the path, and no more.',
            [
                [/META-TOKEN.*200/, 400, `-X POST ${AS_ALPHA} `
                    + '"HOST/verify-creds?x=/instance/fetchInstances"'],
                [/"mallory".*201/, 400, `${JSON_BODY} ${AS_ALPHA} `
                    + '-d \'{"instanceName":"mallory","token":"chosen"}\' '
                    + '"HOST/instance/create?x=/instance/fetchInstances"'],
            ]],
        ['The same texts skip the check that an instance exists',
            'Or put the body\'s instance in place of the path\'s. That is '
            + 'refused whoever asks.',
            [
                [/"ghost".*200/, 400, `${AS_GLOBAL} "HOST/${STATE}/ghost`
                    + '?x=/instance/fetchInstances"'],
                [/"ghost".*200/, 400, `${AS_GLOBAL} --request-target `
                    + `"/${STATE}/ghost#/instance/fetchInstances" "HOST"`],
                [/"ghost".*201/, 400, `${JSON_BODY} ${AS_ALPHA} `
                    + '-d \'{"instanceName":"ghost"}\' '
                    + '"HOST/chat/findChats/alpha?x=/instance/create"'],
            ]],
        ['Filters in place of a name',
            'An instance token\'s list takes operators of the database, and '
            + 'two names are an error that quotes them.',
            [
                [/"alpha".*200/, 403, `-g ${AS_ALPHA} "HOST/instance/`
                    + 'fetchInstances?instanceName[startsWith]=al"'],
                [/Invalid value.*500/, 403, `${AS_ALPHA} "HOST/instance/`
                    + 'fetchInstances?instanceName=alpha&instanceName=beta"'],
            ]],
        ['Media of everybody',
            '`/s3` filters on an id that no path sets, so each token finds '
            + 'the media of all instances. A token for its own path passes '
            + 'the edge as it is, too; `set $evolu_s3_by_token off;` (here '
            + '`$STRICT`) keeps the route for the global key, as does a key '
            + 'of the upstream\'s own (`$KEY`).',
            [
                [/"beta\/photo.*201/, 403,
                    `-X POST ${AS_ALPHA} "HOST/s3/getMedia/alpha"`, 'STRICT'],
                [undefined, 403,
                    `-X POST ${AS_ALPHA} "HOST/s3/getMedia/alpha"`, 'KEY'],
            ]],
    ]],
    ['What is told without a key', [
        ['Names of instances',
            'Whether one exists is answered before the key is looked at.',
            [
                [/404/, 401, `"HOST/${STATE}/ghost"`],
                [/401/, 401, `"HOST/${STATE}/alpha"`],
            ]],
        ['Names, letter by letter',
            'A name in the body may be a filter: 403 where it matches, 401 '
            + 'where not.',
            [
                [/403/, 401, `${JSON_BODY} -d '{"instanceName":`
                    + '{"startsWith":"al"}}\' "HOST/instance/create"'],
                [/401/, 401, `${JSON_BODY} -d '{"instanceName":`
                    + '{"startsWith":"zz"}}\' "HOST/instance/create"'],
            ]],
        ['Bodies are read first',
            'Up to 136 MB, before the key is looked at. The edge decides '
            + 'before it reads one: an upload with a bad key ends at its '
            + 'first bytes (`t/clients/clients.test.js`).',
            [
                [/400/, 401, `-o /dev/null ${JSON_BODY} -d '{"broken' `
                    + '"HOST/message/sendText/alpha"'],
            ]],
        ['Guessing',
            'Nothing slows it down, or notices. The edge holds an address '
            + 'up that fails more than 60 times a minute, with a burst of 60 '
            + '(`$LIMITED`; the other servers here exempt their clients).',
            [
                [/401/, 429, '-H "apikey: a-wrong-guess" '
                    + `"HOST/${STATE}/alpha?n=[1-300]" | tail -n 1`, 'LIMITED'],
            ]],
    ]],
    ['Other doors', [
        ['The WebSocket asks its neighbours for no key',
            'Any client that names an engine version is let in from an '
            + 'address on `WEBSOCKET_ALLOWED_HOSTS`, by default loopback: '
            + 'behind a proxy on the same machine everybody is. Versions '
            + 'before 2.3.3 let in still more.',
            [
                [/sid.*200/, 401,
                    '"HOST/socket.io/?EIO=4&transport=polling"'],
                [/101/, 401,
                    `${UPGRADE} "HOST/socket.io/?EIO=4&transport=websocket"`],
            ]],
        ['One token sees, and acts for, all instances',
            'Whoever is connected gets every instance\'s events, and may '
            + 'send for any. So the handshake is for the global key, unless '
            + '`set $evolu_socket_by_token on;` says otherwise; with a key of '
            + 'the upstream\'s own it is closed (`$KEY`).',
            [
                [/sid.*200/, 403, `${AS_ALPHA} `
                    + '"HOST/socket.io/?EIO=4&transport=polling"'],
                [undefined, 404, `${AS_GLOBAL} `
                    + '"HOST/socket.io/?EIO=4&transport=polling"', 'KEY'],
            ]],
        ['Callbacks and pages',
            'Nobody checks a signature, and the query names the instance. '
            + 'They are closed; `set $evolu_open_webhooks on;` opens the '
            + 'callbacks (`$OPEN`), and then takes no arguments.',
            [
                [/"beta".*201/, 400, '-X POST '
                    + '"HOST/chatwoot/webhook/alpha?instanceName=beta"'],
                [undefined, 400, '-X POST '
                    + '"HOST/chatwoot/webhook/alpha?instanceName=beta"',
                'OPEN'],
                [/200/, 401, '"HOST/manager/"'],
                [/200/, 401, '"HOST/store/alpha/photo.jpg"'],
            ]],
        ['Metrics',
            'Its list of addresses sees the proxy\'s, whoever asks.',
            [
                [/evolution_instances.*200/, 404, '"HOST/metrics"'],
            ]],
        ['A key that is given away',
            'The global key goes out to webhooks, bots and Typebot, and each '
            + 'list of instances holds their tokens, by design. With a key of '
            + 'the upstream\'s own (`$KEY`) these are no keys at the edge.',
            [
                [/200/, 401,
                    `-H "apikey: $UPSTREAM_KEY" "HOST/${STATE}/alpha"`, 'KEY'],
                [/"beta".*200/, 401, '-H "apikey: $UPSTREAM_KEY" '
                    + '"HOST/instance/fetchInstances"', 'KEY'],
            ]],
    ]],
];

const HEAD = `# Holes of Evolution API, before and after

What a plain proxy in front of Evolution API 2.2 to 2.3.6 lets happen, and what
the preset answers. \`$UP\` is an upstream with these holes, \`$EDGE\` the edge in
front of it, \`$ALPHA\` the token of the instance \`alpha\`, and \`$GLOBAL\` the
global key.

\`make holes\` makes every one of these requests again and compares: the page is
what it printed. The upstream is \`t/clients/evolution.js\`, which answers as the
real one was observed to.

    ask() { curl -s -w ' [%{http_code}]\\n' "$@"; }
`;
const TAIL = `
## What the edge cannot close

* What Evolution API does with a key once it has one: it posts the global key to
  webhooks (\`api_key\`), bots and Typebot, and its lists hold the instances'
  tokens, whatever \`AUTHENTICATION_EXPOSE_IN_FETCH_INSTANCES\` says. With a key
  of the upstream's own they are worth nothing at the edge; without, rotate
  them.
* A WebSocket is asked for its key when it opens. A key that is revoked later
  keeps the connections that it has.
* The published sample keys as global keys: \`nginx -t\` refuses them at the edge
  (\`t/003-key-file.t\`), and cannot see them at the upstream. Set
  \`AUTHENTICATION_API_KEY\`.
* Whoever reaches the upstream without the edge. Let it listen on loopback or a
  private network alone.
`;

function wrap(text) {
    return text.split(' ').reduce((lines, word) => {
        const last = lines[lines.length - 1];

        if (last !== '' && `${last} ${word}`.length > 80) {
            return [...lines, word];
        }

        return [...lines.slice(0, -1), last === '' ? word : `${last} ${word}`];
    }, ['']).join('\n');
}

const execute = promisify(execFile);
const api = await evolution({ globalKey: [GLOBAL, UPSTREAM_KEY],
    instances: INSTANCES }).listen();
const edge = await start(api.port);
const env = { ...process.env, UP: `http://127.0.0.1:${api.port}`,
    EDGE: edge.url, OPEN: edge.open, STRICT: edge.strict,
    LIMITED: edge.limited, KEY: edge.key, ALPHA, GLOBAL, UPSTREAM_KEY };
const ASK = 'ask() { curl -s -w " [%{http_code}]\\n" "$@"; }';

async function ask(request, host) {
    const command = `ask ${request.replace('HOST', `$${host}`)}`;

    api.reset();

    const { stdout } = await execute('bash', ['-c', `${ASK}\n${command}`],
        { env }).catch((error) => error);
    const answer = stdout.replace(/"sid":"[^"]*"/, '"sid":"..."').trim();

    return { text: `    $ ${command}\n    ${answer}\n`, answer };
}

async function transcript([before, after, request, where = 'EDGE']) {
    let text = '';

    if (before !== undefined) {
        const { text: asked, answer } = await ask(request, 'UP');

        assert.match(answer, before, `${request}: the hole is not there`);
        text += asked;
    }

    const { text: asked, answer } = await ask(request, where);

    assert.match(answer, new RegExp(`\\[${after}\\]$`), request);
    assert.equal(api.seen.length, 0, `${request}: it reached the upstream`);

    return text + asked;
}

try {
    let page = HEAD;

    for (const [title, holes] of PARTS) {
        page += `\n## ${title}\n`;

        for (const [name, text, requests] of holes) {
            page += `\n### ${name}\n\n${wrap(text)}\n\n`;

            for (const one of requests) {
                page += await transcript(one);
            }
        }
    }

    process.stdout.write(page + TAIL);

} finally {
    await edge.stop();
    await api.close();
}
