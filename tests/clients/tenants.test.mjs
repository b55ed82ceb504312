// What Supabase has not: tenants made, switched and shared, with the session that supabase-js holds.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, address, client, ok, operator, signedIn, trusting } from './lib.mjs'

// A call to the auth API with the session of a client.
async function call(supabase, method, path, body) {
  const { session } = ok(await supabase.auth.getSession())
  const answer = await fetch(`${trusting.url}/auth/v1${path}`, {
    method,
    headers: { apikey: trusting.anon_key, Authorization: `Bearer ${session.access_token}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  const text = await answer.text()
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
  return text && JSON.parse(text)
}

// Makes the tenant and acts in it from then on.
async function makeTenant(supabase) {
  const slug = address('t').split('@')[0]
  const tenant = await call(supabase, 'POST', '/tenants', { slug, name: `Tenant ${slug}` })
  await switchTo(supabase, tenant.id)
  return tenant
}

// The session that a switch gives is one for setSession.
async function switchTo(supabase, id) {
  const before = ok(await supabase.auth.getSession()).session
  const switched = await call(supabase, 'POST', `/tenants/${id}/switch`)
  ok(await supabase.auth.setSession({ ...switched, refresh_token: switched.refresh_token ?? before.refresh_token }))
}

const claims = async (supabase) => ok(await supabase.auth.getClaims()).claims
const titles = async (supabase) => ok(await supabase.from('note').select('title')).map(({ title }) => title)

test('a user makes two tenants and switches between them', async () => {
  const { supabase } = await signedIn()
  const one = await makeTenant(supabase)
  assert.equal((await claims(supabase)).tenant_id, one.id)
  ok(await supabase.from('note').insert({ title: 'in one' }))
  const two = await makeTenant(supabase)
  assert.deepEqual(await titles(supabase), [])
  ok(await supabase.from('note').insert({ title: 'in two' }))
  await switchTo(supabase, one.id)
  assert.deepEqual(await titles(supabase), ['in one'])
  ok(await supabase.auth.refreshSession())
  assert.deepEqual(await titles(supabase), ['in one'])
  const mine = await call(supabase, 'GET', '/tenants')
  assert.deepEqual(mine.map(({ id }) => id).sort(), [one.id, two.id].sort())
  ok(await operator().from('note').delete().in('tenant_id', [one.id, two.id]))
})

test('sessions are listed, and one of them is ended', async () => {
  const { supabase, user } = await signedIn()
  const other = client()
  ok(await other.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  const id = (await claims(other)).session_id
  const sessions = await call(supabase, 'GET', '/sessions')
  assert.ok(sessions.map((session) => session.id).includes(id))
  await call(supabase, 'DELETE', `/sessions/${id}`)
  assert.notEqual((await other.auth.getUser()).error, null)
  ok(await supabase.auth.getUser())
})
