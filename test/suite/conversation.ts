// What two runtimes say to each other, and what each must have seen of the other.

import { block, join, MIB, sha256, text, utf8 } from './bytes.js'
import { type End, readAll } from './carrier.js'
import { equal, hex, ok } from './check.js'

/** What a server says, inside the channel, of the connection. */
interface Seen {
  server: string
  clientKey: string
  handshakeHash: string
  length: number
  sha256: string
}

/** The server’s part: reads until the client’s end, says what it has seen, gives everything back, and ends. */
export async function answer(end: End, server: string): Promise<void> {
  const all = join(await readAll(end))
  const seen: Seen = {
    server,
    clientKey: hex(end.remotePublicKey),
    handshakeHash: hex(end.handshakeHash),
    length: all.length,
    sha256: await sha256(all),
  }
  await end.write(utf8(`${JSON.stringify(seen)}\n`))
  await end.write(all)
  await end.end()
}

/** The client’s part; fails unless both ends have seen the same. */
export async function ask(end: End, server: string, clientKey: Uint8Array): Promise<void> {
  const question = block(7, SAID)
  const [, reply] = await Promise.all([end.write(question).then(() => end.end()), readAll(end).then(join)])
  const line = reply.indexOf(NEWLINE)
  ok(line > 0, 'the server’s first line')
  const seen = JSON.parse(text(reply.subarray(0, line))) as Seen
  const expected: Seen = {
    server,
    clientKey: hex(clientKey),
    handshakeHash: hex(end.handshakeHash),
    length: SAID,
    sha256: await sha256(question),
  }
  equal(seen, expected, 'what the server has seen')
  equal(await sha256(reply.slice(line + 1)), expected.sha256, 'what came back')
}

const SAID = MIB / 4
const NEWLINE = 10
