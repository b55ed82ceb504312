// getClaims: tokens are verified with the published keys, and the server is not asked.

import assert from 'node:assert/strict'
import test from 'node:test'
import { client, ok, signedIn, trusting } from './lib.mjs'

// A client that notes what it fetches.
function counting() {
  const paths = []
  const noting = (url, options) => {
    paths.push(new URL(url).pathname)
    return fetch(url, options)
  }
  // Keys are remembered by storageKey.
  const supabase = client(trusting, { storageKey: `key-${Math.random()}` }, { fetch: noting })
  return { supabase, paths }
}

const KEYS = '/auth/v1/.well-known/jwks.json'

test('claims are verified with the published keys, fetched once', async () => {
  const { session, user } = await signedIn()
  const { supabase, paths } = counting()
  for (let i = 0; i < 2; i++) {
    const { claims, header } = ok(await supabase.auth.getClaims(session.access_token))
    assert.equal(header.alg, 'ES256')
    assert.ok(header.kid)
    assert.equal(claims.sub, user.id)
  }
  assert.deepEqual(paths, [KEYS])
})

test('the claims are those that clients read', async () => {
  const { supabase, user } = await signedIn(trusting, {}, { user_metadata: { name: 'C' } })
  const { claims } = ok(await supabase.auth.getClaims())
  assert.deepEqual([claims.sub, claims.email, claims.role, claims.aal], [user.id, user.email, 'authenticated', 'aal1'])
  assert.ok([claims.aud].flat().includes('authenticated'))
  assert.equal(claims.amr[0].method, 'password')
  assert.equal(typeof claims.amr[0].timestamp, 'number')
  assert.match(claims.session_id, /^[0-9a-f-]{36}$/)
  assert.equal(claims.user_metadata.name, 'C')
  assert.deepEqual(claims.app_metadata.providers, ['email'])
  assert.equal(claims.is_anonymous, false)
  assert.ok(claims.iss && claims.iat && claims.exp > claims.iat)
})

test('a token that was altered is no token', async () => {
  const { session } = await signedIn()
  const [header, payload, signature] = session.access_token.split('.')
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url')), role: 'service_role' }
  const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
  const { supabase } = counting()
  const { data, error } = await supabase.auth.getClaims(forged)
  assert.equal(data, null)
  assert.equal(error.name, 'AuthInvalidJwtError')
})

test('a key that is not published is not trusted: the server says no', async () => {
  const { session } = await signedIn()
  const [, payload, signature] = session.access_token.split('.')
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'unknown', typ: 'JWT' })).toString('base64url')
  const { supabase, paths } = counting()
  const { data, error } = await supabase.auth.getClaims([header, payload, signature].join('.'))
  assert.equal(data, null)
  assert.equal(error.status, 403)
  assert.ok(paths.includes('/auth/v1/user'))
})
