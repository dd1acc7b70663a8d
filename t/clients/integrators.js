// Copyright (C) Evolu Auth Authors
//
// A small Evolu Integrators API, for t/guides.  node integrators.js PORT keys
// knows the keys in KEYS, with commas between; node integrators.js PORT headers
// goes by what the edge says of the caller.

import express from 'express';

const [port, by] = process.argv.slice(2);
const keys = (process.env.KEYS ?? '').split(',').filter(Boolean);
const app = express();

// who calls: campaign, mode and key

function caller(req) {
    if (by === 'headers') {
        return ['campaign', 'livemode', 'key-id'].map(
            (name) => req.get(`X-Evolu-${name}`));
    }

    const [, key] = (req.get('authorization') ?? '').match(/^Bearer (\S+)$/)
        ?? [];
    const [, mode, slug] = (key ?? '').split('_');

    return keys.includes(key) ? [slug, String(mode === 'live'), 'key'] : [];
}

app.use(express.json());

app.use((req, res, next) => {
    req.caller = caller(req);

    if (!req.caller[0]) {
        return res.status(401).json({ detail: 'Invalid or missing API key.' });
    }

    next();
});

app.post('/v1/entries', (req, res) => {
    const once = req.get('idempotency-key');

    if (!once) {
        return res.status(422).json({ detail: 'Idempotency-Key is missing.' });
    }

    res.status(202).json({ entry_id: [...req.caller, once].join('/'),
        status: 'received', message: 'ok' });
});

app.get('/v1/webhook', (req, res) => res.json({ endpoint_url: null,
    is_active: false, updated_at: null }));
app.get('/v1/workspaces', (req, res) => res.json([]));
app.use((req, res) => res.status(404).json({ detail: 'Not Found' }));

app.listen(Number(port), '127.0.0.1');
