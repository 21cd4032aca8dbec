// What an application in JavaScript does with Qdrant, through the unchanged official client: each step's outcome as a line of JSON.
// Arguments: where to connect, the API key, the name of the collection.

import {QdrantClient} from '@qdrant/js-client-rest';

const [url, apiKey, name] = process.argv.slice(2);
const client = new QdrantClient({url, apiKey, checkCompatibility: false});
const london = {must: [{key: 'city', match: {value: 'London'}}]};
const points = [...Array(9).keys()].map((id) => ({
    id,
    vector: {text: [0.1 * id, 1, 0.5]},
    payload: {city: ['London', 'Paris', 'Berlin'][id % 3], price: 1.5 * id, tags: [`t${id % 2}`]},
}));

const steps = [
    ['versionInfo', () => client.versionInfo()],
    ['collectionExists', () => client.collectionExists(name)],
    ['createCollection', () => client.createCollection(name, {vectors: {text: {size: 3, distance: 'Cosine'}}})],
    ['createPayloadIndex', () => client.createPayloadIndex(name, {wait: true, field_name: 'city', field_schema: 'keyword'})],
    ['upsert', () => client.upsert(name, {wait: true, points})],
    ['upsert', () => client.upsert(name, {wait: true, batch: {ids: [20], vectors: {text: [[1, 0, 0]]}, payloads: [{city: 'Rome'}]}})],
    ['getCollection', async () => (await client.getCollection(name)).points_count],
    ['retrieve', () => client.retrieve(name, {ids: [3, 1], with_vector: true})],
    ['scroll', () => client.scroll(name, {limit: 3, filter: london, with_payload: ['city']})],
    ['count', () => client.count(name, {filter: london, exact: true})],
    ['facet', () => client.facet(name, {key: 'city'})],
    ['query', () => client.query(name, {query: [0.1, 1, 0.5], using: 'text', limit: 3, with_payload: true})],
    ['query', () => client.query(name, {query: 2, using: 'text', limit: 2, filter: london})],
    ['query', () => client.query(name, {
        prefetch: [{query: [0.1, 1, 0.5], using: 'text', limit: 5, filter: london}, {query: 4, using: 'text', limit: 5}],
        query: {fusion: 'rrf'},
        limit: 3,
    })],
    ['query', () => client.query(name, {query: {recommend: {positive: [1], negative: [2]}}, using: 'text', limit: 2})],
    ['queryBatch', () => client.queryBatch(name, {searches: [{query: 1, using: 'text', limit: 1}, {limit: 2, with_payload: true}]})],
    ['queryGroups', () => client.queryGroups(name, {query: 1, using: 'text', group_by: 'city', limit: 2, group_size: 1})],
    ['searchMatrixPairs', () => client.searchMatrixPairs(name, {sample: 20, limit: 2, using: 'text', filter: london})],
    ['setPayload', () => client.setPayload(name, {wait: true, payload: {seen: 1}, points: [1]})],
    ['overwritePayload', () => client.overwritePayload(name, {wait: true, payload: {city: 'Rome'}, points: [2]})],
    ['deletePayload', () => client.deletePayload(name, {wait: true, keys: ['seen'], points: [1]})],
    ['clearPayload', () => client.clearPayload(name, {wait: true, points: [3]})],
    ['updateVectors', () => client.updateVectors(name, {wait: true, points: [{id: 1, vector: {text: [1, 1, 1]}}]})],
    ['batchUpdate', () => client.batchUpdate(name, {wait: true, operations: [{delete: {points: [4]}}, {set_payload: {payload: {a: 1}, filter: london}}]})],
    ['updateCollectionAliases', () => client.updateCollectionAliases({actions: [{create_alias: {collection_name: name, alias_name: `${name}-a`}}]})],
    ['count', () => client.count(`${name}-a`)],
    ['getCollectionAliases', () => client.getCollectionAliases(name)],
    ['scroll', () => client.scroll(name, {limit: 50, with_vector: true})],
    ['delete', () => client.delete(name, {wait: true, filter: london})],
    ['count', () => client.count(name)],
    ['count', () => client.count('nowhere-at-all')],
    ['deleteCollection', () => client.deleteCollection(name)],
    ['getCollections', () => client.getCollections()],
];

for (const [step, run] of steps) {
    try {
        console.log(JSON.stringify([step, await run()]));
    } catch (error) {
        console.log(JSON.stringify([step, {failed: error.status ?? error.name}]));
    }
}
