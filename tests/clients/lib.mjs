// What every test of supabase-js needs: clients, users, the mails that were sent, codes of authenticators.

import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { createClient } from '@supabase/supabase-js'
import ws from 'ws'

export const { plain, confirming, trusting } = JSON.parse(process.env.GATEHOUSE_FRONTS)
export const PASSWORD = 'twelve patient harbour lights'
export const NEW_PASSWORD = 'three amber winter ferries'
export const REDIRECT = 'https://shop.example.org/welcome'

// As a browser's localStorage.
export class Storage {
  items = new Map()
  getItem(key) { return this.items.get(key) ?? null }
  setItem(key, value) { this.items.set(key, value) }
  removeItem(key) { this.items.delete(key) }
}

const clientOf = (front, key, auth, global) => createClient(front.url, key, {
  auth: { autoRefreshToken: false, storage: new Storage(), ...auth },
  global,
  // Nothing here is realtime, but without this node 20 can not make a client.
  realtime: { transport: ws },
})
export const client = (front = trusting, auth = {}, global = {}) => clientOf(front, front.anon_key, auth, global)
export const operator = (front = trusting) => clientOf(front, front.service_key, { persistSession: false }, {})

// The data of an answer that must be no error.
export function ok({ data, error }) {
  assert.equal(error, null)
  return data
}

// An answer that must be this error; gives it.
export function fails({ error }, status, code) {
  assert.ok(error, 'there is no error')
  assert.deepEqual([error.status, error.code], [status, code], error.message)
  return error
}

export const address = (name) => `${name}-${randomUUID().slice(0, 8)}@example.com`

// A user whose address is confirmed.
export async function newUser(front = trusting, attributes = {}) {
  const { user } = ok(await operator(front).auth.admin.createUser({
    email: address('user'), password: PASSWORD, email_confirm: true, ...attributes,
  }))
  return user
}

// A new user's client, signed in.
export async function signedIn(front = trusting, auth = {}, attributes = {}) {
  const user = await newUser(front, attributes)
  const supabase = client(front, auth)
  const { session } = ok(await supabase.auth.signInWithPassword({ email: user.email, password: PASSWORD }))
  return { supabase, user, session }
}

// Notes the events of a client in their order.
export function events(supabase) {
  const names = []
  supabase.auth.onAuthStateChange((event) => { names.push(event) })
  return names
}

export async function until(find, what) {
  const deadline = Date.now() + 20_000
  for (;;) {
    const found = await find()
    if (found) return found
    assert.ok(Date.now() < deadline, `${what} did not come`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function mailsTo(front, to) {
  const mails = await (await fetch(`${front.url}/dev/mail.json`)).json()
  return mails.filter((mail) => mail.to.includes(to))
}

// The latest mail to an address whose subject fits.
export function mailTo(front, to, subject = /./) {
  return until(async () => (await mailsTo(front, to)).find((mail) => subject.test(mail.subject)), `a mail to ${to}`)
}

export const codeIn = (mail) => mail.text.match(/^ +(\d{6})$/m)[1]
export const linkIn = (mail) => mail.links.find((link) => link.includes('/auth/v1/verify?'))

// Opens a link as a browser would, and tells where it leads.
export async function follow(link) {
  const answer = await fetch(link, { redirect: 'manual' })
  assert.equal(answer.status, 303, await answer.text())
  const url = new URL(answer.headers.get('location'))
  return {
    url,
    page: url.href.split(/[?#]/)[0],
    query: url.searchParams,
    fragment: new URLSearchParams(url.hash.slice(1)),
  }
}

// RFC 6238, as an authenticator does it: SHA-1, six digits, 30 seconds. Steps from now.
export function totp(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const hash = createHmac('sha1', key).update(counter).digest()
  const at = hash.at(-1) & 15
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}
