// Copyright (C) Evolu Auth Authors
//
// A small Evolution API, for tests of the edge: the routes, the guards and the
// holes of 2.3.6 as they were observed, with the Express and the socket.io that
// it uses.  Handlers do nothing; they say which instance they act on.
//
//     const api = await evolution({ globalKey, instances }).listen(port);
//     api.seen        what reached it: { method, url, headers }, oldest first
//     api.received    bytes of uploads that came so far
//     api.reset()     forgets these, and has its instances again
//     api.close()
//
// As a program: node evolution.js PORT, with the environment's GLOBAL_KEY and
// INSTANCES (name=token,...); it says "ready" when it listens.

import crypto from 'node:crypto';
import http from 'node:http';
import { pathToFileURL } from 'node:url';

import express from 'express';
import { Server } from 'socket.io';

const LOOPBACK = ['127.0.0.1', '::1', '::ffff:127.0.0.1'];
const BOTS = ['evolutionBot', 'dify', 'flowise', 'n8n', 'evoai', 'typebot',
    'openai'];
const EVENTS = ['webhook', 'websocket', 'rabbitmq', 'nats', 'pusher', 'sqs',
    'kafka', 'chatwoot', 'settings', 'proxy'];

// prefix: method: actions; each is /prefix/action/:instanceName

const ROUTES = {
    instance: {
        post: 'restart setPresence',
        get: 'connect connectionState',
        delete: 'logout delete',
    },
    message: {
        post: 'sendTemplate sendText sendMedia sendPtv sendWhatsAppAudio '
            + 'sendStatus sendSticker sendLocation sendContact sendReaction '
            + 'sendPoll sendList sendButtons',
    },
    call: { post: 'offer' },
    chat: {
        post: 'whatsappNumbers markMessageAsRead archiveChat markChatUnread '
            + 'fetchProfilePictureUrl getBase64FromMediaMessage updateMessage '
            + 'sendPresence updateBlockStatus findContacts findMessages '
            + 'findStatusMessage findChats fetchBusinessProfile fetchProfile '
            + 'updateProfileName updateProfileStatus updateProfilePicture '
            + 'updatePrivacySettings',
        delete: 'deleteMessageForEveryone removeProfilePicture',
        get: 'findChatByRemoteJid fetchPrivacySettings',
    },
    business: { post: 'getCatalog getCollections' },
    group: {
        post: 'create updateGroupSubject updateGroupPicture '
            + 'updateGroupDescription sendInvite revokeInviteCode '
            + 'updateParticipant updateSetting toggleEphemeral',
        get: 'findGroupInfos fetchAllGroups participants inviteCode '
            + 'inviteInfo acceptInviteCode',
        delete: 'leaveGroup',
    },
    template: { post: 'create', get: 'find' },
    label: { get: 'findLabels', post: 'handleLabel' },
    baileys: {
        post: 'onWhatsapp profilePictureUrl assertSessions '
            + 'createParticipantNodes getUSyncDevices generateMessageTag '
            + 'sendNode signalRepositoryDecryptMessage getAuthState',
    },
    s3: { post: 'getMedia getMediaUrl' },
};

for (const name of EVENTS) {
    ROUTES[name] = { post: 'set', get: 'find' };
}

for (const name of BOTS) {
    ROUTES[name] = {
        post: 'create settings start changeStatus ignoreJid creds',
        get: 'find fetch/:id fetchSettings fetchSessions/:id creds getModels',
        put: 'update/:id',
        delete: 'delete/:id creds/:id',
    };
}

class ApiError extends Error {
    constructor(status, error, message) {
        super(error);
        this.status = status;
        this.answer = { status, error, response: { message } };
    }
}

const unauthorized = () => new ApiError(401, 'Unauthorized', 'Unauthorized');

export function evolution({
    globalKey, instances, socketHosts = LOOPBACK, metricsHosts = LOOPBACK,
}) {
    const app = express();
    const server = http.createServer(app);
    const rows = new Map(Object.entries(instances));
    const keys = [globalKey].flat();
    const seen = [];

    const has = (req, text) => req.originalUrl.includes(text);

    // Prisma: undefined is no filter, and an object is one

    const matches = (filter) => ([name]) => {
        if (filter === undefined) {
            return true;
        }

        if (typeof filter !== 'object') {
            return name === filter;
        }

        if (Array.isArray(filter)) {
            throw new ApiError(500, 'Internal Server Error',
                [`Invalid value: ${JSON.stringify(filter)}`]);
        }

        return Object.entries(filter).every(([op, value]) => ({
            startsWith: () => name.startsWith(value),
            contains: () => name.includes(value),
            not: () => name !== value,
        })[op]?.() ?? false);
    };

    // the guards, in their order: exists, logged, key

    function exists(req, res, next) {
        if (has(req, '/instance/create')
            || has(req, '/instance/fetchInstances'))
        {
            return next();
        }

        const name = req.params.instanceName;

        if (name === undefined) {
            throw new ApiError(400, 'Bad Request',
                ['"instanceName" not provided.']);
        }

        if (!rows.has(name)) {
            throw new ApiError(404, 'Not Found',
                [`The "${name}" instance does not exist`]);
        }

        next();
    }

    function logged(req, res, next) {
        if (has(req, '/instance/create')) {
            const name = req.body?.instanceName;

            if ([...rows].some(matches(name))) {
                throw new ApiError(403, 'Forbidden',
                    [`This name "${name}" is already in use.`]);
            }
        }

        next();
    }

    function key(req, res, next) {
        const given = req.get('apikey');
        const name = req.params.instanceName;

        if (!given) {
            throw unauthorized();
        }

        if (keys.includes(given)) {
            return next();
        }

        if (name !== undefined) {
            if (rows.get(name) === given) {
                return next();
            }
        } else if (has(req, '/instance/fetchInstances')
                   && [...rows.values()].includes(given))
        {
            return next();
        }

        throw unauthorized();
    }

    // what the handler is told to act on: the query wins over the path

    function instanceOf(req) {
        const instance = { ...req.params, ...req.query };

        if (has(req, '/instance/create')) {
            Object.assign(instance, req.body);
        }

        return instance;
    }

    function act(req, res) {
        const { instanceName } = instanceOf(req);

        if (/^\/instance\/delete\//i.test(req.path)) {
            rows.delete(String(instanceName));
        }

        res.status(req.method === 'POST' ? 201 : 200)
            .json({ acts_on: instanceName });
    }

    async function upload(req, res) {
        const hash = crypto.createHash('sha256');

        for await (const chunk of req) {
            api.received += chunk.length;
            hash.update(chunk);
        }

        res.status(201).json({ sha256: hash.digest('hex') });
    }

    function create(req, res) {
        const { instanceName, token = 'MADE-BY-THE-API' } = instanceOf(req);

        rows.set(String(instanceName), token);
        res.status(201).json({ instance: { instanceName }, hash: token });
    }

    function fetchInstances(req, res) {
        const given = req.get('apikey');
        const all = keys.includes(given);
        const own = [...rows].filter(([, token]) => all || token === given);
        const { instanceName } = req.query;
        const found = own.filter(matches(instanceName || undefined));

        if (found.length === 0 && !all) {
            throw unauthorized();
        }

        res.json(found.map(([name, token]) => ({ name, token })));
    }

    // it finds by an id that no path sets

    const media = (req, res) => res.status(201).json(
        [...rows.keys()].map((name) => ({ media: `${name}/photo.jpg` })));

    app.use((req, res, next) => {
        seen.push({ method: req.method, url: req.originalUrl,
            headers: { ...req.headers } });

        res.vary('Origin');

        if (req.get('origin') !== undefined) {
            res.set('Access-Control-Allow-Origin', req.get('origin'));
        }

        if (req.method === 'OPTIONS') {
            return res.status(204).end();
        }

        next();
    });

    app.use(express.urlencoded({ extended: true, limit: '136mb' }));
    app.use(express.json({ limit: '136mb' }));

    const open = (req, res) => res.json({ public: req.path });

    app.get('/', (req, res) => res.json({
        status: 200, version: '2.3.6',
        manager: `${req.protocol}://${req.get('host')}/manager`,
    }));
    app.get(/^\/(manager|assets|store)(\/|$)/i, open);
    app.get('/metrics', (req, res) => (
        metricsHosts.includes(req.socket.remoteAddress)
            ? res.type('text').send('evolution_instances_total 2')
            : res.status(403).send('Forbidden: IP not allowed')));
    app.get('/webhook/meta', open);
    app.post('/webhook/meta', open);
    app.post('/webhook/evolution', open);
    app.post('/chatwoot/webhook/:instanceName', act);

    app.post('/verify-creds', key, (req, res) => res.json(
        { facebookUserToken: 'META-TOKEN-OF-THE-HOUSE' }));
    app.post('/instance/create', exists, logged, key, create);
    app.get('/instance/fetchInstances', exists, logged, key, fetchInstances);

    app.post('/message/sendMedia/:instanceName', exists, logged, key,
        (req, res, next) => (req.is('application/octet-stream')
            ? upload(req, res) : next()));

    for (const [prefix, methods] of Object.entries(ROUTES)) {
        for (const [method, actions] of Object.entries(methods)) {
            for (const action of actions.split(' ')) {
                app[method](`/${prefix}/${action}/:instanceName`, exists,
                    logged, key, prefix === 's3' ? media : act);
            }
        }
    }

    app.use((req) => {
        throw new ApiError(404, 'Not Found',
            [`Cannot ${req.method} ${req.originalUrl}`]);
    });

    app.use((error, req, res, next) => {
        if (res.headersSent) {
            return next(error);
        }

        const status = error.status ?? 500;

        res.status(status).json(error instanceof ApiError ? error.answer
            : { status, error: 'Internal Server Error',
                response: { message: error.message } });
    });

    // Who comes from an address on the list is asked for no key.

    function allowSocket(req, callback) {
        const query = new URL(req.url, 'http://host').searchParams;
        const given = query.get('apikey') ?? req.headers.apikey;

        seen.push({ method: req.method, url: req.url,
            headers: { ...req.headers } });

        if (query.has('EIO')
            && socketHosts.includes(req.socket.remoteAddress))
        {
            return callback(null, true);
        }

        if (!given) {
            return callback('apiKey is required', false);
        }

        callback(null, keys.includes(given)
                       || [...rows.values()].includes(given));
    }

    const io = new Server(server, { allowRequest: allowSocket,
        pingInterval: 100, pingTimeout: 20000 });

    io.on('connection', (socket) => {
        socket.onAny((event, ...args) => socket.emit(event, ...args));
        socket.emit('messages.upsert', { instance: 'beta', text: 'hello' });
    });

    const api = {
        seen,
        received: 0,

        reset() {
            seen.length = 0;
            api.received = 0;
            rows.clear();

            for (const [name, token] of Object.entries(instances)) {
                rows.set(name, token);
            }
        },

        listen: (port = 0) => new Promise((resolve) => {
            server.listen(port, '127.0.0.1', () => {
                api.port = server.address().port;
                resolve(api);
            });
        }),
        close: () => new Promise((resolve) => {
            io.close(() => resolve());
            server.closeAllConnections();
        }),
    };

    return api;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
    const instances = Object.fromEntries((process.env.INSTANCES ?? '')
        .split(',').filter(Boolean).map((pair) => pair.split('=')));

    await evolution({ globalKey: process.env.GLOBAL_KEY, instances })
        .listen(Number(process.argv[2]));
    console.log('ready');
}
