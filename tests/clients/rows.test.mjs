// Two tenants share one table through supabase-js; each has its own rows, whatever is asked for.

import assert from 'node:assert/strict'
import test from 'node:test'
import { client, ok, operator, trusting } from './lib.mjs'

const people = {
  alice: ['alice@acme.example', 'seven green sailing boats'],
  bob: ['bob@globex.example', 'nine quiet mountain roads'],
}
async function as(name) {
  const supabase = client(trusting)
  const [email, password] = people[name]
  ok(await supabase.auth.signInWithPassword({ email, password }))
  return supabase
}
const titles = async (supabase) => ok(await supabase.from('note').select('title').order('title')).map(({ title }) => title)
const ACME = ['Acme: call the roadrunner', 'Acme: order more anvils']
const GLOBEX = ['Globex: move the headquarters', 'Globex: the secret plan']
const service = operator(trusting)
const tenantOf = async (title) => ok(await service.from('note').select('tenant_id').eq('title', title).single()).tenant_id

test('each reads their own rows', async () => {
  assert.deepEqual(await titles(await as('alice')), ACME)
  assert.deepEqual(await titles(await as('bob')), GLOBEX)
})

test('asking for the other tenant by its id gives nothing', async () => {
  const alice = await as('alice')
  assert.deepEqual(ok(await alice.from('note').select().eq('tenant_id', await tenantOf(GLOBEX[0]))), [])
  assert.equal(ok(await alice.from('note').select().ilike('title', 'globex%').maybeSingle()), null)
})

test('rows are counted within the tenant', async () => {
  const alice = await as('alice')
  const { count, data, status } = await alice.from('note').select('*', { count: 'exact', head: true })
  assert.deepEqual([count, data, status], [2, null, 200])
  const page = await alice.from('note').select('title', { count: 'exact' }).order('title').range(0, 0)
  assert.deepEqual([page.count, page.data, page.status], [2, [{ title: ACME[0] }], 206])
})

test('a row is written, changed and deleted in the own tenant', async () => {
  const alice = await as('alice')
  const made = ok(await alice.from('note').insert({ title: 'js: new' }).select().single())
  assert.equal(made.tenant_id, await tenantOf(ACME[0]))
  assert.equal(made.author_id, ok(await alice.auth.getUser()).user.id)
  const changed = ok(await alice.from('note').update({ title: 'js: changed' }).eq('id', made.id).select('title'))
  assert.deepEqual(changed, [{ title: 'js: changed' }])
  const upserted = ok(await alice.from('note').insert([{ title: 'js: a' }, { title: 'js: b' }]).select('title'))
  assert.equal(upserted.length, 2)
  const { status } = await alice.from('note').delete().like('title', 'js:%')
  assert.equal(status, 204)
  assert.deepEqual(await titles(alice), ACME)
})

test('nothing is written into another tenant, and nothing there is changed or deleted', async () => {
  const alice = await as('alice')
  const globex = await tenantOf(GLOBEX[0])
  const planted = await alice.from('note').insert({ title: 'planted', tenant_id: globex })
  assert.deepEqual([planted.status, planted.error.code], [403, '42501'])
  assert.deepEqual(Object.keys(planted.error).filter((key) => ['code', 'details', 'hint', 'message'].includes(key)).length, 4)
  assert.deepEqual(ok(await alice.from('note').update({ title: 'stolen' }).eq('tenant_id', globex).select()), [])
  assert.deepEqual(ok(await alice.from('note').delete().eq('tenant_id', globex).select()), [])
  const moved = await alice.from('note').update({ tenant_id: globex }).eq('title', ACME[0])
  assert.deepEqual([moved.status, moved.error.code], [403, '42501'])
  assert.deepEqual(await titles(await as('bob')), GLOBEX)
  assert.deepEqual(await titles(alice), ACME)
})

test('functions run as the user', async () => {
  const alice = await as('alice')
  assert.equal(ok(await alice.rpc('count_notes')), 2)
  assert.equal(ok(await alice.rpc('count_notes', {}, { get: true })), 2)
  assert.equal(ok(await service.rpc('count_notes')), 4)
  const added = ok(await alice.rpc('add_note', { title: 'js: by function' }))
  assert.equal(added.tenant_id, await tenantOf(ACME[0]))
  ok(await alice.from('note').delete().eq('id', added.id))
})

test('with the anon key alone there are no rows', async () => {
  const { error, status } = await client(trusting).from('note').select()
  assert.deepEqual([status, error.code], [401, '42501'])
})

test('the service key reads all', async () => {
  assert.deepEqual(await titles(service), [...ACME, ...GLOBEX])
})

test('errors are objects that say what is wrong', async () => {
  const alice = await as('alice')
  const cases = [
    [await alice.from('nothing').select(), 404, 'PGRST205'],
    [await alice.from('note').select('nothing'), 400, '42703'],
    [await alice.from('note').insert({ nothing: 1 }), 400, 'PGRST204'],
    [await alice.from('note').select().single(), 406, 'PGRST116'],
    [await alice.from('note').insert({ title: null }), 400, '23502'],
    [await alice.rpc('nothing'), 404, 'PGRST202'],
    [await alice.schema('auth').from('user').select(), 406, 'PGRST106'],
  ]
  for (const [answer, status, code] of cases) {
    assert.deepEqual([answer.status, answer.error.code], [status, code], JSON.stringify(answer.error))
    assert.equal(typeof answer.error.message, 'string')
  }
})

test('an expired or altered token reads nothing', async () => {
  const alice = await as('alice')
  const { session } = ok(await alice.auth.getSession())
  const forged = session.access_token.slice(0, -6) + 'AAAAAA'
  const thief = client(trusting, {}, { headers: { Authorization: `Bearer ${forged}` } })
  const { status, error } = await thief.from('note').select()
  assert.deepEqual([status, error.code], [401, 'PGRST301'])
})
