// A user changes their own account: metadata, password, address.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  NEW_PASSWORD, PASSWORD, REDIRECT, address, client, codeIn, confirming, events, fails, follow, linkIn, mailTo, mailsTo,
  ok, signedIn, trusting, until,
} from './lib.mjs'

const NEW = /new email address/
const CURRENT = /change of your email address/

test('metadata is merged, and null takes a member away', async () => {
  const { supabase, user } = await signedIn(trusting, {}, { user_metadata: { color: 'green', size: 1 } })
  const seen = events(supabase)
  const changed = ok(await supabase.auth.updateUser({ data: { color: 'blue', size: null, name: 'N' } })).user
  assert.equal(changed.id, user.id)
  assert.deepEqual(changed.user_metadata, { color: 'blue', name: 'N' })
  assert.ok(seen.includes('USER_UPDATED'))
  assert.equal(ok(await supabase.auth.getSession()).session.user.user_metadata.name, 'N')
  const { session } = ok(await supabase.auth.refreshSession())
  assert.equal(session.user.user_metadata.color, 'blue')
})

test('a new password counts, and ends the other sessions', async () => {
  const { supabase, user } = await signedIn()
  const other = client()
  ok(await other.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  ok(await supabase.auth.updateUser({ password: NEW_PASSWORD }))
  ok(await supabase.auth.getUser())
  assert.notEqual((await other.auth.getUser()).error, null)
  fails(await client().auth.signInWithPassword({ email: user.email, password: PASSWORD }), 400, 'invalid_credentials')
  ok(await client().auth.signInWithPassword({ email: user.email, password: NEW_PASSWORD }))
})

test('a password that is the same or weak is refused', async () => {
  const { supabase } = await signedIn()
  fails(await supabase.auth.updateUser({ password: PASSWORD }), 422, 'same_password')
  const error = fails(await supabase.auth.updateUser({ password: 'abc' }), 422, 'weak_password')
  assert.ok(error.reasons.length > 0)
})

test('nobody gives themselves app_metadata', async () => {
  const { supabase } = await signedIn()
  fails(await supabase.auth.updateUser({ app_metadata: { role: 'admin' } }), 403, 'not_admin')
})

test('a change of address takes the codes of both', async () => {
  const { supabase, user } = await signedIn(confirming)
  const email = address('moved')
  const waiting = ok(await supabase.auth.updateUser({ email })).user
  assert.deepEqual([waiting.email, waiting.new_email], [user.email, email])
  const codes = {
    old: codeIn(await mailTo(confirming, user.email, CURRENT)),
    new: codeIn(await mailTo(confirming, email, NEW)),
  }
  const half = ok(await supabase.auth.verifyOtp({ email: user.email, token: codes.old, type: 'email_change' }))
  assert.equal(half.session, null)
  assert.equal(ok(await supabase.auth.getUser()).user.email, user.email)
  const whole = ok(await supabase.auth.verifyOtp({ email, token: codes.new, type: 'email_change' }))
  assert.equal(whole.user.email, email)
  assert.equal(whole.user.id, user.id)
  ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD }))
  await mailTo(confirming, user.email, /was changed/)
})

test('a change of address by the links of both', async () => {
  const { supabase, user } = await signedIn(confirming)
  const email = address('linked')
  ok(await supabase.auth.updateUser({ email }, { emailRedirectTo: REDIRECT }))
  const first = await follow(linkIn(await mailTo(confirming, email, NEW)))
  assert.equal(first.page, REDIRECT)
  assert.ok(first.fragment.get('message'))
  assert.equal(first.fragment.get('access_token'), null)
  const second = await follow(linkIn(await mailTo(confirming, user.email, CURRENT)))
  assert.equal(second.fragment.get('type'), 'email_change')
  const { user: now } = ok(await client(confirming).auth.getUser(second.fragment.get('access_token')))
  assert.deepEqual([now.id, now.email, now.new_email ?? null], [user.id, email, null])
})

test('a change of address is mailed again', async () => {
  const { supabase, user } = await signedIn(confirming)
  const email = address('again')
  ok(await supabase.auth.updateUser({ email }))
  await mailTo(confirming, email, NEW)
  ok(await supabase.auth.resend({ type: 'email_change', email: user.email }))
  await until(async () => (await mailsTo(confirming, email)).length === 2, 'the second mail')
  const codes = [codeIn(await mailTo(confirming, email, NEW)), codeIn(await mailTo(confirming, user.email, CURRENT))]
  ok(await supabase.auth.verifyOtp({ email, token: codes[0], type: 'email_change' }))
  const { session } = ok(await supabase.auth.verifyOtp({ email: user.email, token: codes[1], type: 'email_change' }))
  assert.equal(session.user.email, email)
})

test('a code that is mailed on request proves presence for a new password', async () => {
  const { supabase, user } = await signedIn(confirming)
  ok({ data: null, ...await supabase.auth.reauthenticate() })
  const nonce = codeIn(await mailTo(confirming, user.email, /Your code/))
  const wrong = nonce === '123456' ? '654321' : '123456'
  fails(await supabase.auth.updateUser({ password: NEW_PASSWORD, nonce: wrong }), 422, 'reauthentication_not_valid')
  ok(await supabase.auth.updateUser({ password: NEW_PASSWORD, nonce }))
  ok(await client(confirming).auth.signInWithPassword({ email: user.email, password: NEW_PASSWORD }))
})
