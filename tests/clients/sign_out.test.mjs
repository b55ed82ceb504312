// Signing out: this session, the others, all; and by the operator.

import assert from 'node:assert/strict'
import test from 'node:test'
import { PASSWORD, client, fails, ok, operator, signedIn, trusting } from './lib.mjs'

async function twoSessions() {
  const here = await signedIn()
  const there = client()
  const { session } = ok(await there.auth.signInWithPassword({ email: here.user.email, password: PASSWORD }))
  return { here: here.supabase, there, tokens: { here: here.session.access_token, there: session.access_token } }
}

// By token, so that a client does not hide what it has forgotten.
async function ended(token) {
  const { data, error } = await client().auth.getUser(token)
  if (!error) assert.ok(data.user.id)
  return error !== null
}

const scopes = {
  local: { here: true, there: false },
  others: { here: false, there: true },
  global: { here: true, there: true },
}
for (const [scope, expected] of Object.entries(scopes)) {
  test(`scope ${scope} ends what it names, at once`, async () => {
    const { here, tokens } = await twoSessions()
    assert.equal((await here.auth.signOut({ scope })).error, null)
    assert.deepEqual({ here: await ended(tokens.here), there: await ended(tokens.there) }, expected)
    const { session } = ok(await here.auth.getSession())
    assert.equal(session === null, scope !== 'others')
  })
}

test('without a scope everything ends', async () => {
  const { here, tokens } = await twoSessions()
  assert.equal((await here.auth.signOut()).error, null)
  assert.deepEqual([await ended(tokens.here), await ended(tokens.there)], [true, true])
})

test('a token of a session that ended says so', async () => {
  const { here, tokens } = await twoSessions()
  await here.auth.signOut()
  const answer = await fetch(`${trusting.url}/auth/v1/user`, {
    headers: { apikey: trusting.anon_key, Authorization: `Bearer ${tokens.here}`, 'X-Supabase-Api-Version': '2024-01-01' },
  })
  assert.equal(answer.status, 403)
  assert.equal((await answer.json()).code, 'session_not_found')
})

test('signing out twice is no error', async () => {
  const { here, there } = await twoSessions()
  assert.equal((await here.auth.signOut()).error, null)
  assert.equal((await there.auth.signOut()).error, null)
  assert.equal((await there.auth.signOut()).error, null)
})

test('the operator ends the sessions of a token', async () => {
  const { tokens } = await twoSessions()
  assert.equal((await operator().auth.admin.signOut(tokens.here, 'global')).error, null)
  assert.deepEqual([await ended(tokens.here), await ended(tokens.there)], [true, true])
})

test('rows are not to be read with a session that ended', async () => {
  const { here, tokens } = await twoSessions()
  await here.auth.signOut()
  const late = client(trusting, {}, { headers: { Authorization: `Bearer ${tokens.here}` } })
  const { error, status } = await late.from('note').select()
  assert.equal(status, 401, JSON.stringify(error))
})
