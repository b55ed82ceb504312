// Signing in with a password, and what a client keeps of it.

import assert from 'node:assert/strict'
import test from 'node:test'
import { AuthApiError, isAuthApiError } from '@supabase/supabase-js'
import { PASSWORD, Storage, address, client, fails, newUser, ok, operator, signedIn, trusting } from './lib.mjs'

test('signing in gives a session with the user', async () => {
  const { supabase, user, session } = await signedIn()
  assert.equal(session.user.id, user.id)
  assert.equal(session.user.role, 'authenticated')
  assert.ok(session.user.last_sign_in_at)
  assert.ok(session.expires_in > 0)
  assert.ok(Math.abs(session.expires_at - Date.now() / 1000 - session.expires_in) < 5)
  assert.deepEqual(ok(await supabase.auth.getSession()).session.access_token, session.access_token)
  assert.equal(ok(await supabase.auth.getUser()).user.email, user.email)
})

test('a wrong password and an unknown address are the same error', async () => {
  const { email } = await newUser()
  const attempts = [{ email, password: 'wrong' }, { email: address('nobody'), password: 'wrong' }]
  for (const attempt of attempts) {
    const supabase = client()
    const error = fails(await supabase.auth.signInWithPassword(attempt), 400, 'invalid_credentials')
    assert.ok(error instanceof AuthApiError && isAuthApiError(error))
    assert.equal(error.message, 'Invalid login credentials')
    assert.equal(ok(await supabase.auth.getSession()).session, null)
  }
})

test('a session is there again when the page is loaded anew', async () => {
  const storage = new Storage()
  const { session } = await signedIn(trusting, { storage })
  const again = client(trusting, { storage })
  assert.equal(ok(await again.auth.getSession()).session.access_token, session.access_token)
})

test('nobody signed in is a missing session', async () => {
  const { error } = await client().auth.getUser()
  assert.equal(error.name, 'AuthSessionMissingError')
})

test('a token that is none is refused', async () => {
  fails(await client().auth.getUser('a.b.c'), 403, 'bad_jwt')
})

test('whoever is banned does not get in, and hears no more than a stranger', async () => {
  const { supabase, user } = await signedIn()
  ok(await operator().auth.admin.updateUserById(user.id, { ban_duration: '24h' }))
  fails(await client().auth.signInWithPassword({ email: user.email, password: PASSWORD }), 400, 'invalid_credentials')
  const { error } = await supabase.auth.getUser()
  assert.ok(error.status === 403 || error.name === 'AuthSessionMissingError', String(error))
  ok(await operator().auth.admin.updateUserById(user.id, { ban_duration: 'none' }))
  ok(await client().auth.signInWithPassword({ email: user.email, password: PASSWORD }))
})

test('phone numbers are refused with a code', async () => {
  const { error } = await client().auth.signInWithPassword({ phone: '+4912345678', password: PASSWORD })
  assert.equal(error.code, 'phone_provider_disabled')
})
