// Signing in by mail, without a password.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  PASSWORD, REDIRECT, address, client, codeIn, confirming, fails, follow, linkIn, mailTo, mailsTo, newUser, ok, until,
} from './lib.mjs'

test('a newcomer becomes a user when the address is proved', async () => {
  const supabase = client(confirming)
  const email = address('otp')
  const data = ok(await supabase.auth.signInWithOtp({ email, options: { data: { name: 'O' } } }))
  assert.deepEqual([data.user, data.session], [null, null])
  const token = codeIn(await mailTo(confirming, email))
  const { user, session } = ok(await supabase.auth.verifyOtp({ email, token, type: 'email' }))
  assert.deepEqual([user.email, user.user_metadata.name], [email, 'O'])
  assert.equal(ok(await supabase.auth.getUser(session.access_token)).user.id, user.id)
})

test('a user signs in by the link', async () => {
  const known = await newUser(confirming)
  const supabase = client(confirming)
  ok(await supabase.auth.signInWithOtp({ email: known.email, options: { emailRedirectTo: REDIRECT } }))
  const { page, fragment } = await follow(linkIn(await mailTo(confirming, known.email)))
  assert.equal(page, REDIRECT)
  const { user } = ok(await supabase.auth.setSession(Object.fromEntries(fragment)))
  assert.equal(user.id, known.id)
})

test('a user signs in by the link, with PKCE', async () => {
  const known = await newUser(confirming)
  const supabase = client(confirming, { flowType: 'pkce' })
  ok(await supabase.auth.signInWithOtp({ email: known.email, options: { emailRedirectTo: REDIRECT } }))
  const { query } = await follow(linkIn(await mailTo(confirming, known.email)))
  assert.equal(ok(await supabase.auth.exchangeCodeForSession(query.get('code'))).user.id, known.id)
})

test('who is no user is not told apart, and gets no mail', async () => {
  const email = address('nobody')
  const known = await newUser(confirming)
  const options = { shouldCreateUser: false }
  ok(await client(confirming).auth.signInWithOtp({ email, options }))
  ok(await client(confirming).auth.signInWithOtp({ email: known.email, options }))
  await mailTo(confirming, known.email)
  assert.deepEqual(await mailsTo(confirming, email), [])
})

test('wrong, used and unknown codes are one error', async () => {
  const user = await newUser(confirming)
  const supabase = client(confirming)
  ok(await supabase.auth.signInWithOtp({ email: user.email }))
  const token = codeIn(await mailTo(confirming, user.email))
  const verify = (email, token) => supabase.auth.verifyOtp({ email, token, type: 'email' })
  fails(await verify(user.email, token === '000000' ? '111111' : '000000'), 403, 'otp_expired')
  fails(await verify(address('unknown'), token), 403, 'otp_expired')
  ok(await verify(user.email, token))
  fails(await verify(user.email, token), 403, 'otp_expired')
})

test('a confirmation is mailed again, and voids the one before', async () => {
  const supabase = client(confirming)
  const email = address('resend')
  ok(await supabase.auth.signUp({ email, password: PASSWORD }))
  const former = linkIn(await mailTo(confirming, email))
  ok(await supabase.auth.resend({ type: 'signup', email, options: { emailRedirectTo: REDIRECT } }))
  const mails = await until(async () => {
    const mails = await mailsTo(confirming, email)
    return mails.length === 2 && mails
  }, 'the second mail')
  assert.equal((await follow(former)).fragment.get('error_code'), 'otp_expired')
  const { page, fragment } = await follow(mails.map(linkIn).find((link) => link !== former))
  assert.equal(page, REDIRECT)
  assert.ok(fragment.get('access_token'))
})

test('a link that nobody mailed leads to an error', async () => {
  const { page, fragment, query } = await follow(`${confirming.url}/auth/v1/verify?token=nonsense&type=magiclink&redirect_to=${REDIRECT}`)
  assert.equal(page, REDIRECT)
  assert.equal(fragment.get('error_code'), 'otp_expired')
  assert.equal(query.get('error_code'), 'otp_expired')
})
