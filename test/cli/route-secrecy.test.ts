// What the middlebox learns: which server is wanted, and nothing else. Every byte that passes through it, and all of its memory, are
// searched for what the two ends said and for who the client is.

import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import net from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodePublicKey, encodeSecretKey, generateKeyPair } from '../../src/node/index.js'
import { filesIn, startNopki, workFolder } from '../support/command.js'
import { freePort } from '../support/ports.js'
import { dialThrough, echoServers, line, middleboxKeys } from '../support/routing.js'
import { cleanUpAfter, guarded, listen, next, readAll, serverKeys, track, VERSIONS } from '../support/sockets.js'

const test = suite('route secrecy')
cleanUpAfter(test)
const folder = filesIn(workFolder(test))
const key = folder.write('router.key', encodeSecretKey(middleboxKeys.secretKey))
const ROUNDS = 20

for (const version of VERSIONS) {
  guarded(
    test,
    `v${version}: neither the plaintext nor the client is in what passed, nor in memory`,
    async () => {
      const crossed: Buffer[] = []
      const [server] = await echoServers(1)
      const behind = await tap(server!.port, crossed)
      const port = await freePort()
      const table = folder.write(`routes${version}`, line(serverKeys.publicKey, behind))
      const command = startNopki(['route', `127.0.0.1:${port}`, '-k', key, '-t', table])
      await command.shows(/^routing on /m)
      const front = await tap(port, crossed)

      const secrets: Buffer[] = []
      const live = []
      for (let round = 0; round < ROUNDS; round++) {
        const keyPair = generateKeyPair()
        const plaintext = Buffer.from(
          `the plaintext of round ${round}: ${encodePublicKey(generateKeyPair().publicKey)}`,
        )
        secrets.push(
          plaintext,
          Buffer.from(keyPair.publicKey),
          Buffer.from(keyPair.secretKey),
          ...spellings(keyPair.publicKey),
        )
        const socket = await dialThrough(front, { version, keyPair, allowHalfOpen: true })
        if (round % 2) {
          socket.write(plaintext)
          assert.is(String((await next(socket, 'data'))[0]), String(plaintext))
          live.push(socket)
        } else {
          const back = readAll(socket)
          socket.end(plaintext)
          assert.is(String(await back), String(plaintext))
        }
      }
      const wire = Buffer.concat(crossed)
      // Twice there and twice back.
      assert.ok(wire.length > ROUNDS * 4 * 200)
      for (const secret of secrets) assert.not.ok(wire.includes(secret), `${secret} crossed the wire`)
      for (const it of [...spellings(serverKeys.publicKey), Buffer.from(serverKeys.publicKey)]) {
        assert.not.ok(wire.includes(it), 'which server is wanted crossed the wire')
      }
      if (process.platform === 'linux') {
        const wanted = Buffer.from(encodePublicKey(serverKeys.publicKey))
        const found = searchMemory(command.pid, [...secrets, wanted])
        assert.is(found.at(-1), true, 'the search does not find what is there')
        secrets.forEach((secret, at) => {
          assert.not.ok(found[at], `${secret} is in the middlebox’s memory`)
        })
      }
      for (const socket of live) socket.destroy()
      command.child.kill('SIGTERM')
      await command.ended
    },
    60_000,
  )
}

/** How a key may be written. */
function spellings(publicKey: Uint8Array): Buffer[] {
  const hex = Buffer.from(publicKey).toString('hex')
  return [encodePublicKey(publicKey).slice(3), hex, hex.toUpperCase(), Buffer.from(publicKey).toString('base64')].map(
    it => Buffer.from(it),
  )
}

/** A forwarder that keeps all bytes, both ways. */
async function tap(port: number, crossed: Buffer[]): Promise<number> {
  const server = track(net.createServer({ allowHalfOpen: true }))
  server.on('connection', near => {
    const far = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      track(from)
      from.on('error', () => to.destroy())
      from.on('data', chunk => crossed.push(chunk))
      from.pipe(to)
    }
  })
  return await listen(server)
}

/** Which of these bytes are anywhere in a process's memory. */
function searchMemory(pid: number, wanted: Buffer[]): boolean[] {
  const found = wanted.map(() => false)
  const longest = Math.max(...wanted.map(it => it.length))
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const chunk = Buffer.alloc(8 << 20)
  for (const [, from, to] of readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r.*(?<!\[vvar\]|\[vsyscall\])$/gm,
  )) {
    const end = Number.parseInt(to!, 16)
    for (let at = Number.parseInt(from!, 16); at < end; ) {
      const length = readAt(memory, chunk, at, Math.min(chunk.length, end - at))
      // Once more the last bytes, for what lies across.
      at += length === chunk.length ? length - longest : Math.max(length, PAGE)
      const bytes = chunk.subarray(0, length)
      wanted.forEach((it, index) => {
        if (!found[index] && bytes.includes(it)) found[index] = true
      })
    }
  }
  closeSync(memory)
  return found
}

/** Pages that are not there count as nothing. */
function readAt(file: number, into: Buffer, at: number, length: number): number {
  try {
    return readSync(file, into, 0, length, at)
  } catch {
    return 0
  }
}

const PAGE = 4096

test.run()
