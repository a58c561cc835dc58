// The command with the published program, or what stands in for it: --protocol 1 and --allow-truncation.

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { encodePublicKey } from '../../src/node/index.js'
import { type Ending, startClient, startServer } from '../published/standin.js'
import { makeKey, nopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { cleanUpAfter, guarded, plainServer, readAll, serve, serverKeys, track } from '../support/sockets.js'
import { dialPlain, startExpose, startForward, startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const mallory = await makeKey(folder, 'mallory')
const [alice, server] = await Promise.all([keys.alice.file, keys.server.file].map(file => loadKey(file)))
const check = (name: string, run: () => Promise<void>) => guarded(test, name, run, 60_000)
const V1 = ['--protocol', '1', '--allow-truncation']

check('listen, and its client', async () => {
  const { listener, address } = await startListen(['-k', keys.server.file, '-a', keys.authorized, '--echo', ...V1])
  assert.match(address, /\?version=1$/)
  const ending = await published(address, ['say question', 'hear 8'])
  assert.is(heard(ending), 'question')
  assert.is((await listener.ended).code, 0)
})

check('listen, and its client that is not authorized', async () => {
  const { address } = await startListen(['-k', keys.server.file, '-a', keys.authorized, '--echo', ...V1])
  const ending = await published(address, ['hear all'], mallory.file)
  assert.match(ending.ended, /^alert 1 not authorized: /)
})

check('connect, and its server: by every form of address', async () => {
  const { port } = await standing(['say hi there'])
  const key = encodePublicKey(server!.publicKey)
  const known = ['--trust-on-first-use', '--known-servers', `${folder}/known_servers`]
  for (const [address, ...args] of [
    [`127.0.0.1:${port}`, '--server-key', key, ...V1],
    [`127.0.0.1:${port}`, ...known, ...V1],
    [`127.0.0.1:${port}`, ...known.slice(1), ...V1],
    [`nopki://${key}@127.0.0.1:${port}`, ...V1],
    [`nopki://${key}@127.0.0.1:${port}?version=1`, '--allow-truncation'],
  ]) {
    const { code, out, err } = await nopki(['connect', address!, '-k', keys.alice.file, ...args])
    assert.is(String(out), 'hi there', err)
    assert.is(code, 0, err)
  }
})

check('connect without --allow-truncation names it', async () => {
  const { port } = await standing(['say hi there'])
  const address = `nopki://${encodePublicKey(server!.publicKey)}@127.0.0.1:${port}?version=1`
  const { code, out, err } = await nopki(['connect', address, '-k', keys.alice.file])
  assert.is(code, 1)
  assert.is(String(out), 'hi there')
  assert.match(err, /^error: LINK_TRUNCATED: /m)
  assert.match(err, /^hint: .*`allowTruncation`/m)
})

check('expose, and its client', async () => {
  const service = await plainServer(socket => socket.pipe(socket))
  const { address } = await startExpose(keys, service, V1)
  assert.is(heard(await published(address, ['say question', 'hear 8'])), 'question')
})

check('forward, and its server', async () => {
  const { port } = await standing(['hear 8', 'say the answer'])
  const { port: local } = await startForward(keys, `127.0.0.1:${port}`, [
    '--server-key',
    encodePublicKey(server!.publicKey),
    ...V1,
  ])
  const plain = track(dialPlain(local))
  plain.write('question')
  assert.is((await readAll(plain)).toString(), 'the answer')
})

check(
  'doctor: a server that closes without an end is unknown, and a hint at version 1 for one that knows no other',
  async () => {
    const { port } = await standing(['wait 1'])
    const at = [`127.0.0.1:${port}`, '--server-key', encodePublicKey(server!.publicKey)]
    const good = await nopki(['doctor', ...at, '--protocol', '1'])
    assert.is(good.code, 0, good.err)
    assert.match(String(good.out), /^unknown {2}authorized .*the server closed without an end.*\n.*--allow-truncation/m)
    const other = await nopki(['doctor', ...at])
    assert.is(other.code, 1)
    assert.match(other.err, /hint: it seems to speak version 1 only.*--protocol 1/)
    // Ours refuses in its own way.
    const { port: ours } = await serve({ versions: [1] })
    const key = encodePublicKey(serverKeys.publicKey)
    const refused = await nopki(['doctor', `nopki://${key}@127.0.0.1:${ours}`])
    assert.is(refused.code, 1)
    assert.match(refused.err, /hint: .*--protocol 1/)
  },
)

check('what contradicts itself is a wrong use', async () => {
  const at = `nopki://${encodePublicKey(server!.publicKey)}@127.0.0.1:${await freePort()}`
  for (const [args, said] of [
    [['connect', `${at}?version=1`, '--protocol', '2'], /the address asks for version 1/],
    [['connect', at, '--allow-truncation'], /--allow-truncation is for version 1/],
    [['connect', at, '--protocol', '3'], /there are versions 1 and 2/],
    [['doctor', at, '--allow-truncation'], /--allow-truncation is for version 1/],
    [['listen', '0', '--allow-anyone', '--allow-truncation'], /--allow-truncation is for version 1/],
    [['expose', '0', '1', '-k', keys.server.file, '--allow-anyone', '--allow-truncation'], /is for version 1/],
    [['forward', '0', at, '--allow-truncation'], /is for version 1/],
  ] as [string[], RegExp][]) {
    const { code, err } = await nopki(args)
    assert.is(code, 2, `${args}: ${err}`)
    assert.match(err, said)
  }
})

/** What becomes of the published client at an address of ours. */
async function published(address: string, steps: string[], file?: string): Promise<Ending> {
  const client = startClient(file ? await loadKey(file) : alice!, server!.publicKey)
  track({ on: () => {}, destroy: () => client.stop() })
  return await client.call(Number(/:(\d+)(?:\?|$)/.exec(address)?.[1]), steps)
}

async function standing(steps: string[]) {
  const standIn = await startServer(server!, steps)
  track({ on: () => {}, destroy: () => standIn.stop() })
  return standIn
}

function heard(ending: Ending): string {
  assert.not(ending.aborted)
  return Buffer.from(ending.heard, 'base64').toString()
}

test.run()
