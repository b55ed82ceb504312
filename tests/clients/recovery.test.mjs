// A forgotten password.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  NEW_PASSWORD, PASSWORD, REDIRECT, address, client, codeIn, confirming, events, fails, follow, linkIn, mailTo, mailsTo,
  newUser, ok,
} from './lib.mjs'

async function newPasswordCounts(supabase, user) {
  ok(await supabase.auth.updateUser({ password: NEW_PASSWORD }))
  const fresh = client(confirming)
  ok(await fresh.auth.signInWithPassword({ email: user.email, password: NEW_PASSWORD }))
  fails(await fresh.auth.signInWithPassword({ email: user.email, password: PASSWORD }), 400, 'invalid_credentials')
}

test('by the code in the mail', async () => {
  const user = await newUser(confirming)
  const supabase = client(confirming)
  const seen = events(supabase)
  ok(await supabase.auth.resetPasswordForEmail(user.email))
  const token = codeIn(await mailTo(confirming, user.email))
  ok(await supabase.auth.verifyOtp({ email: user.email, token, type: 'recovery' }))
  assert.equal(seen.at(-1), 'PASSWORD_RECOVERY')
  await newPasswordCounts(supabase, user)
})

test('by the link in the mail', async () => {
  const user = await newUser(confirming)
  const supabase = client(confirming)
  ok(await supabase.auth.resetPasswordForEmail(user.email, { redirectTo: REDIRECT }))
  const { page, fragment } = await follow(linkIn(await mailTo(confirming, user.email)))
  assert.deepEqual([page, fragment.get('type')], [REDIRECT, 'recovery'])
  ok(await supabase.auth.setSession(Object.fromEntries(fragment)))
  await newPasswordCounts(supabase, user)
})

test('by the link, with PKCE', async () => {
  const user = await newUser(confirming)
  const supabase = client(confirming, { flowType: 'pkce' })
  const seen = events(supabase)
  ok(await supabase.auth.resetPasswordForEmail(user.email, { redirectTo: REDIRECT }))
  const { query } = await follow(linkIn(await mailTo(confirming, user.email)))
  const { redirectType } = ok(await supabase.auth.exchangeCodeForSession(query.get('code')))
  assert.equal(redirectType, 'recovery')
  assert.equal(seen.at(-1), 'PASSWORD_RECOVERY')
  await newPasswordCounts(supabase, user)
})

test('an unknown address gets the same answer and no mail', async () => {
  const email = address('unknown')
  const known = await newUser(confirming)
  assert.deepEqual(await client(confirming).auth.resetPasswordForEmail(email), { data: {}, error: null })
  assert.deepEqual(await client(confirming).auth.resetPasswordForEmail(known.email), { data: {}, error: null })
  // The second mail is written later than the first would have been.
  await mailTo(confirming, known.email)
  assert.deepEqual(await mailsTo(confirming, email), [])
})

test('a code for another purpose does not open the account', async () => {
  const user = await newUser(confirming)
  const supabase = client(confirming)
  ok(await supabase.auth.resetPasswordForEmail(user.email))
  const token = codeIn(await mailTo(confirming, user.email))
  fails(await supabase.auth.verifyOtp({ email: user.email, token, type: 'email' }), 403, 'otp_expired')
  fails(await supabase.auth.verifyOtp({ email: user.email, token, type: 'email_change' }), 403, 'otp_expired')
})
