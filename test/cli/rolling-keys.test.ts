// A server with several key files: which key it proves, what SIGHUP changes, and what is said of who still asks for the old one.

import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeKey, nopki, type Running, startNopki, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded, plainServer } from '../support/sockets.js'
import { type Keys, startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)
const folder = workFolder(test)
const keys: Keys = await tunnelKeys(folder)
const [next, other] = await Promise.all([makeKey(folder, 'next'), makeKey(folder, 'other')])
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)

/** A copy of a key file, under a name of its own, so that it can be replaced. */
function slot(name: string, { file }: { file: string }): string {
  const path = join(folder, name)
  copyFileSync(file, path)
  return path
}

const asked = (place: string, key: string) =>
  nopki(['connect', `nopki://${key}@${place}`, '-k', keys.alice.file], { input: 'hello' })

async function expose(args: string[]): Promise<{ server: Running; place: string; status: string; log: string }> {
  const log = join(folder, `${Math.random()}.jsonl`)
  const echo = await plainServer(socket => socket.pipe(socket))
  const all = ['127.0.0.1:0', String(echo), '-a', keys.authorized, '--metrics', '0', '--access-log', log, ...args]
  const server = startNopki(['expose', ...all])
  const [, place = ''] = await server.shows(/exposing \S+ on (\S+) as pk_/)
  const [, status = ''] = await server.shows(/metrics and health on (\S+)/)
  return { server, place, status, log }
}

check('each client gets the proof of the key that it asks for; log, access log and metrics say which', async () => {
  const { server, place, status, log } = await expose(['-k', next.file, '-k', keys.server.file])
  await server.shows(new RegExp(`as ${next.publicKey}, ${keys.server.publicKey}`))
  for (const { publicKey } of [next, keys.server, keys.server]) {
    const { code, out, err } = await asked(place, publicKey)
    assert.is(`${code} ${out}${err}`, '0 hello')
  }
  await server.shows(new RegExp(`alice from 127.0.0.1:\\d+ still asks for ${keys.server.publicKey}\n`))
  assert.is(server.err.match(/still asks/g)?.length, 1, 'once for each client')
  assert.match((await asked(place, other.publicKey)).err, /LINK_CLOSED/, 'one that is no key of ours gets no answer')
  const page = await (await fetch(`http://${status}/metrics`)).text()
  assert.match(page, new RegExp(`nopki_connections_asked_total\\{key="${next.publicKey}"\\} 1\n`))
  assert.match(page, new RegExp(`nopki_connections_asked_total\\{key="${keys.server.publicKey}"\\} 2\n`))
  await server.stop()
  const wanted = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line).wanted)
  assert.equal(wanted.slice(0, 3), [next.publicKey, keys.server.publicKey, keys.server.publicKey])
})

check('SIGHUP reads the key files anew; what is wrong changes nothing, and the health page says so', async () => {
  const [newest, oldest] = [slot('newest', keys.server), slot('oldest', keys.server)]
  const { server, place, status } = await expose(['-k', newest, '-k', oldest])
  const health = async () => (await (await fetch(`http://${status}/health`)).json()) as { troubles: string[] }
  // Two files with one key are one: strangers are answered, as of old.
  assert.match((await asked(place, next.publicKey)).err, /PEER_KEY_MISMATCH/)
  renameSync(slot('draft', next), newest)
  server.child.kill('SIGHUP')
  await server.shows(new RegExp(`the key files were read anew: ${next.publicKey}, ${keys.server.publicKey}\n`))
  for (const { publicKey } of [next, keys.server]) assert.is(String((await asked(place, publicKey)).out), 'hello')

  writeFileSync(newest, 'sk_broken\n', { mode: 0o600 })
  server.child.kill('SIGHUP')
  await server.shows(/warning: \S+newest:1: a secret key was expected.*; the keys that were read before stay in force/)
  assert.match((await health()).troubles.join(), /newest:1/)
  assert.not.match(server.err, /sk_broken/)
  for (const { publicKey } of [next, keys.server]) assert.is(String((await asked(place, publicKey)).out), 'hello')

  renameSync(slot('draft', next), newest)
  renameSync(slot('draft', next), oldest)
  server.child.kill('SIGHUP')
  await server.shows(new RegExp(`the key files were read anew: ${next.publicKey}\n`))
  assert.equal((await health()).troubles, [])
  assert.is(String((await asked(place, next.publicKey)).out), 'hello')
  assert.match((await asked(place, keys.server.publicKey)).err, /PEER_KEY_MISMATCH/)
})

check('--default-key says which of several is shown to those who ask for none', async () => {
  const all = ['-k', next.file, '-k', keys.server.file, '--allow-anyone', '--echo', '--keep-open']
  const { address } = await startListen([...all, '--default-key', keys.server.file])
  assert.match(address, new RegExp(`^nopki://${next.publicKey},${keys.server.publicKey}@`))
  const place = address.replace(/.*@/, '')
  const known = ['--trust-on-first-use', '--known-servers', join(folder, 'known')]
  const { code, out } = await nopki(['connect', place, ...known], { input: 'hello' })
  assert.is(`${code} ${out}`, '0 hello')
  assert.match(readFileSync(join(folder, 'known'), 'utf8'), new RegExp(keys.server.publicKey))
  assert.is(String((await nopki(['connect', address], { input: 'hello' })).out), 'hello')
  const reversed = address.replace(/(pk_[^,]*),(pk_[^@]*)/, '$2,$1')
  assert.is(String((await nopki(['connect', reversed], { input: 'hello' })).out), 'hello')
})

check(
  'a sealed file that has not changed needs no passphrase again, and one that has needs a file with it',
  async () => {
    const secret = join(folder, 'passphrase')
    writeFileSync(secret, 'a secret\n', { mode: 0o600 })
    const sealed = async (name: string) => {
      const { code, out } = await nopki(['keygen', '-o', join(folder, name), '--passphrase-file', secret])
      assert.is(code, 0)
      return { file: join(folder, name), publicKey: String(out).trim() }
    }
    const [first, second] = [await sealed('sealed1'), await sealed('sealed2')]
    const newest = slot('sealed-newest', first)
    const args = [
      '-k',
      newest,
      '-k',
      first.file,
      '--allow-anyone',
      '--echo',
      '--keep-open',
      '--passphrase-file',
      secret,
    ]
    const { listener, address } = await startListen(args)
    assert.is(address.split(',').length, 1)
    renameSync(slot('draft', second), newest)
    listener.child.kill('SIGHUP')
    await listener.shows(new RegExp(`read anew: ${second.publicKey}, ${first.publicKey}`))
  },
)

check('doctor takes any of the keys in an address', async () => {
  const { address } = await startListen(['-k', keys.server.file, '--allow-anyone', '--echo', '--keep-open'])
  const either = address.replace('nopki://', `nopki://${next.publicKey},`)
  const { code, out } = await nopki(['doctor', either])
  assert.is(code, 0, String(out))
  assert.match(String(out), new RegExp(`the server proved ${keys.server.publicKey}`))
})

check('what does not agree is said', async () => {
  const tooMany = Array(9).fill(['-k', next.file]).flat()
  const run = (...args: string[]) => nopki(['expose', '127.0.0.1:0', '1', '--allow-anyone', ...args])
  assert.match((await run(...tooMany)).err, /--key was given 9 times/)
  assert.match((await run('-k', next.file, '--default-key', other.file)).err, /--default-key is no file of --key/)
  assert.match((await run('-k', next.file, '-k', join(folder, 'none'))).err, /there is no file \S+none/)
})

test.run()
