// Copyright (C) Evolu Auth Authors
//
// Runs the operations of n8n-nodes-evolution-api outside of n8n: parameters are
// the defaults of the node's own form, with what a user must add; and
// helpers.request, which n8n would bring, is axios.
//
//     for (const call of calls()) {
//         const { answers, error } = await run(call, url, apikey, instance);
//     }

import { createRequire } from 'node:module';

import axios from 'axios';

const require = createRequire(import.meta.url);
const { EvolutionApi } = require(
    'n8n-nodes-evolution-api/dist/nodes/EvolutionApi/EvolutionApi.node.js');
const { resourceOperationsFunctions } = require(
    'n8n-nodes-evolution-api/dist/nodes/EvolutionApi/execute');

const form = new EvolutionApi().description.properties;
const added = {
    content: 'data:,x',
    options_display: { metadataValues: [{ optionValue: 'a' }] },
    contacts: { contactValues: [{ fullName: 'a', phoneNumber: '1' }] },
    sections: { sectionValues: [{ title: 'a', rows: { rowValues: [] } }] },
    buttons: { buttonValues: [{ type: 'reply', displayText: 'a', id: '1' }] },
};

function shown(field, values) {
    const { show = {}, hide = {} } = field.displayOptions ?? {};
    const has = ([name, wanted]) => wanted.includes(values[name]);

    return Object.entries(show).every(has) && !Object.entries(hide).some(has);
}

// An operation, once for each choice in its form that is another request

export function calls() {
    const list = [];

    for (const [resource, operations]
        of Object.entries(resourceOperationsFunctions))
    {
        for (const operation of Object.keys(operations)) {
            const base = { resource, operation };

            list.push(base);

            for (const field of form.filter((one) => one.type === 'options'
                && !['resource', 'operation'].includes(one.name)
                && shown(one, base)))
            {
                for (const { value } of field.options.filter(
                    (option) => option.value !== field.default))
                {
                    list.push({ ...base, [field.name]: value });
                }
            }
        }
    }

    return list;
}

// Texts are filled in where the form has none.

function filled(values, instance) {
    const all = { instanceName: instance, ...added, ...values };

    for (let again = 0; again < 3; again++) {
        for (const field of form) {
            if (!(field.name in all) && shown(field, all)) {
                all[field.name] = field.type === 'string' && !field.default
                    ? 'text' : field.default;
            }
        }
    }

    return all;
}

export async function run(call, url, apikey, instance) {
    const values = filled(call, instance);
    const answers = [];
    const context = {
        getNode: () => ({ name: 'Evolution API', type: 'evolutionApi' }),
        continueOnFail: () => false,
        getInputData: () => [{ json: {} }],
        getCredentials: async () => ({ 'server-url': url, apikey }),

        getNodeParameter(name, item, fallback) {
            return name.split('.').reduce((from, part) => from?.[part], values)
                ?? fallback ?? 'text';
        },

        helpers: {
            returnJsonArray: (data) => [data],

            async request({ uri, method, headers, body, qs }) {
                const answer = await axios({ url: uri, method, headers,
                    data: body, params: qs, validateStatus: () => true });

                answers.push({ method, uri, status: answer.status,
                    body: answer.data });

                if (answer.status >= 300) {
                    throw new Error(
                        `${answer.status} - ${JSON.stringify(answer.data)}`);
                }

                return answer.data;
            },
        },
    };

    try {
        await new EvolutionApi().execute.call(context);
        return { answers };

    } catch (error) {
        return { answers, error };
    }
}
