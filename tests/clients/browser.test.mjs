// supabase-js where it takes itself to be in a browser: it reads what a followed link left in the URL.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  REDIRECT, client, confirming, events, follow, linkIn, mailTo, newUser, ok, until,
} from './lib.mjs'

// As much of a page as auth-js looks at; nothing of the server is in it.
function openPage(url) {
  const location = { href: url.href, get hash() { return new URL(this.href).hash }, set hash(_) {}, assign() {} }
  const history = { replaceState: (_state, _title, next) => { location.href = next } }
  globalThis.window = { location, history, addEventListener() {}, removeEventListener() {} }
  globalThis.document = { visibilityState: 'visible', addEventListener() {}, removeEventListener() {} }
}

async function closePage(supabase) {
  await supabase.auth.dispose()
  delete globalThis.window
  delete globalThis.document
}

test('the session of a recovery is taken from the fragment', async () => {
  const user = await newUser(confirming)
  ok(await client(confirming).auth.resetPasswordForEmail(user.email, { redirectTo: REDIRECT }))
  openPage((await follow(linkIn(await mailTo(confirming, user.email)))).url)
  const supabase = client(confirming, { detectSessionInUrl: true })
  try {
    const seen = events(supabase)
    await until(() => seen.includes('PASSWORD_RECOVERY'), 'the recovery')
    assert.equal(ok(await supabase.auth.getUser()).user.id, user.id)
  } finally {
    await closePage(supabase)
  }
})

test('an error in the URL is an error', async () => {
  openPage((await follow(`${confirming.url}/auth/v1/verify?token=nonsense&type=signup&redirect_to=${REDIRECT}`)).url)
  const supabase = client(confirming, { detectSessionInUrl: true })
  try {
    const { error } = await supabase.auth.initialize()
    assert.equal(error.details.code, 'otp_expired')
  } finally {
    await closePage(supabase)
  }
})
