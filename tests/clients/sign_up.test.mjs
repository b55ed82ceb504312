// Signing up: at once where addresses are trusted, by mail where they are to be confirmed.

import assert from 'node:assert/strict'
import test from 'node:test'
import { isAuthWeakPasswordError } from '@supabase/supabase-js'
import {
  PASSWORD, REDIRECT, address, client, codeIn, confirming, events, fails, follow, linkIn, mailTo, newUser, ok, trusting,
} from './lib.mjs'

const signUp = (supabase, email, options = {}) => supabase.auth.signUp({ email, password: PASSWORD, options })

test('where addresses are trusted, signing up signs in', async () => {
  const supabase = client(trusting)
  const email = address('new')
  const { user, session } = ok(await signUp(supabase, email, { data: { name: 'New' } }))
  assert.equal(user.email, email)
  assert.equal(user.aud, 'authenticated')
  assert.deepEqual(user.user_metadata.name, 'New')
  assert.equal(user.identities[0].provider, 'email')
  assert.equal(user.is_anonymous, false)
  assert.ok(user.email_confirmed_at)
  assert.equal(session.token_type, 'bearer')
  assert.equal(ok(await supabase.auth.getUser()).user.id, user.id)
})

test('an address that is taken is told where addresses are trusted', async () => {
  const { email } = await newUser(trusting)
  fails(await signUp(client(trusting), email), 422, 'user_already_exists')
})

test('a weak password is refused with its reasons', async () => {
  const error = fails(await client().auth.signUp({ email: address('weak'), password: 'abc' }), 422, 'weak_password')
  assert.ok(isAuthWeakPasswordError(error))
  assert.ok(error.reasons.includes('length'), String(error.reasons))
})

test('an address that is none is refused', async () => {
  fails(await signUp(client(), 'not an address'), 400, 'validation_failed')
})

test('without a confirmation there is no session and no signing in', async () => {
  const supabase = client(confirming)
  const email = address('waiting')
  const { user, session } = ok(await signUp(supabase, email))
  assert.equal(session, null)
  assert.equal(user.email, email)
  assert.equal(user.email_confirmed_at ?? null, null)
  fails(await supabase.auth.signInWithPassword({ email, password: PASSWORD }), 400, 'email_not_confirmed')
})

test('the link confirms and gives the session in the fragment', async () => {
  const supabase = client(confirming)
  const email = address('link')
  ok(await signUp(supabase, email, { emailRedirectTo: REDIRECT }))
  const { page, query, fragment } = await follow(linkIn(await mailTo(confirming, email)))
  assert.equal(page, REDIRECT)
  assert.equal(query.size, 0)
  assert.equal(fragment.get('type'), 'signup')
  assert.equal(fragment.get('token_type'), 'bearer')
  const { user } = ok(await supabase.auth.setSession({
    access_token: fragment.get('access_token'), refresh_token: fragment.get('refresh_token'),
  }))
  assert.equal(user.email, email)
  assert.ok(user.email_confirmed_at)
  ok(await client(confirming).auth.signInWithPassword({ email, password: PASSWORD }))
})

test('a link is good once', async () => {
  const email = address('twice')
  ok(await signUp(client(confirming), email))
  const link = linkIn(await mailTo(confirming, email))
  assert.ok((await follow(link)).fragment.get('access_token'))
  const { fragment, query } = await follow(link)
  assert.equal(fragment.get('error_code'), 'otp_expired')
  assert.equal(fragment.get('error'), 'access_denied')
  assert.equal(query.get('access_token'), null)
})

test('with PKCE the link gives a code, which only the client that asked can exchange', async () => {
  const supabase = client(confirming, { flowType: 'pkce' })
  const email = address('pkce')
  const seen = events(supabase)
  ok(await signUp(supabase, email, { emailRedirectTo: REDIRECT }))
  const { page, query, fragment } = await follow(linkIn(await mailTo(confirming, email)))
  assert.equal(page, REDIRECT)
  assert.equal(fragment.size, 0)
  const code = query.get('code')
  const { user, session } = ok(await supabase.auth.exchangeCodeForSession(code))
  assert.equal(user.email, email)
  assert.equal(ok(await supabase.auth.getUser(session.access_token)).user.id, user.id)
  assert.ok(seen.includes('SIGNED_IN'))
})

test('a code is good once, and worth nothing to others', async () => {
  const supabase = client(confirming, { flowType: 'pkce' })
  const email = address('stolen')
  ok(await signUp(supabase, email))
  const code = (await follow(linkIn(await mailTo(confirming, email)))).query.get('code')
  const thief = client(confirming, { flowType: 'pkce' })
  ok(await thief.auth.resetPasswordForEmail(address('thief'))) // has a verifier, another one
  fails(await thief.auth.exchangeCodeForSession(code), 400, 'bad_code_verifier')
})

test('a code of PKCE is spent by its exchange', async () => {
  const supabase = client(confirming, { flowType: 'pkce' })
  const email = address('spent')
  ok(await signUp(supabase, email))
  const code = (await follow(linkIn(await mailTo(confirming, email)))).query.get('code')
  ok(await supabase.auth.exchangeCodeForSession(code))
  ok(await supabase.auth.resetPasswordForEmail(address('other')))
  fails(await supabase.auth.exchangeCodeForSession(code), 404, 'flow_state_not_found')
})

for (const type of ['signup', 'email']) {
  test(`the code in the mail confirms, as type ${type}`, async () => {
    const supabase = client(confirming)
    const email = address('code')
    ok(await signUp(supabase, email))
    const token = codeIn(await mailTo(confirming, email))
    const { user, session } = ok(await supabase.auth.verifyOtp({ email, token, type }))
    assert.equal(user.email, email)
    assert.ok(session.access_token)
  })
}

test('the link is confirmed by an application with its hash', async () => {
  const supabase = client(confirming)
  const email = address('hash')
  ok(await signUp(supabase, email))
  const token_hash = new URL(linkIn(await mailTo(confirming, email))).searchParams.get('token')
  assert.equal(ok(await supabase.auth.verifyOtp({ token_hash, type: 'email' })).user.email, email)
})

test('an address that is taken is not told apart, and its owner hears of it', async () => {
  const { email } = await newUser(confirming)
  const taken = ok(await signUp(client(confirming), email, { data: { name: 'X' } }))
  const free = ok(await signUp(client(confirming), address('free'), { data: { name: 'X' } }))
  assert.deepEqual(Object.keys(taken.user).sort(), Object.keys(free.user).sort())
  for (const member of ['role', 'aud', 'app_metadata', 'user_metadata', 'is_anonymous']) {
    assert.deepEqual(taken.user[member], free.user[member], member)
  }
  assert.equal(taken.user.identities.length, free.user.identities.length)
  assert.equal(taken.session, null)
  assert.equal(linkIn(await mailTo(confirming, email)), undefined)
})

test('nobody is sent to a place that is not allowed', async () => {
  const email = address('redirect')
  ok(await signUp(client(confirming), email, { emailRedirectTo: 'https://evil.example.net/' }))
  const { url } = await follow(linkIn(await mailTo(confirming, email)))
  assert.equal(url.origin, 'https://app.example.com')
})
