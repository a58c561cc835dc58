import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { styleText } from 'node:util'
import { dump } from '../../inspect/index.js'
import { connect, encodePublicKey, generateKeyPair, parseAddress, type SecureSocket } from '../../node/index.js'
import {
  CHALLENGE_1_BYTES,
  CHALLENGE_2_BYTES,
  HELLO_1_BYTES,
  HELLO_2_BYTES,
  RESPONSE_BYTES,
  STREAM_HEADER_BYTES,
} from '../../wire/layout.js'
import { Tap } from '../demo/tap.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { writeWhole } from '../frame/files.js'
import { protocolVersion } from '../frame/values.js'
import { pageWith } from '../wire/page.js'

const README = fileURLToPath(new URL('../../../../README.md', import.meta.url))
const KEPT_BYTES = 4096
const KEPT_FOR_PAGE_BYTES = 262_144
const PAGE = 'nopki-demo.html'
const STREAMING_MS = 1000

/** Two processes, real sockets, fresh keys. */
export const demo = defineCommand({
  name: 'demo',
  summary: 'two processes talk over a channel, and show its bytes',
  description: `Starts a server in a process of its own, with a fresh key, and connects to it over loopback. Prints who each end
    is and the handshake's bytes, sends FILE there and back, compares the two, and prints how fast that was.`,
  args: [
    {
      name: 'FILE',
      summary: 'what to send: this package’s README by default, - for standard input',
      optional: true,
      completes: 'file',
    },
  ],
  options: {
    protocol: {
      value: '1|2',
      summary: 'the protocol’s version; docs/protocol.md says what version 1 lacks',
      default: '2',
      read: protocolVersion,
      completes: ['1', '2'],
    },
    page: { summary: `writes ${PAGE} too, a page that shows this conversation byte by byte` },
    'no-color': { summary: 'no colour, even on a terminal' },
  },
  examples: [
    { summary: 'the whole of it', line: 'nopki demo' },
    { summary: 'a file of your own, in version 1', line: 'nopki demo --protocol 1 ./a-large-file' },
    { summary: 'whatever comes', line: 'tar c . | nopki demo -' },
  ],
  async run(values, [file]) {
    const report = new Report(!values['no-color'] && !process.env.NO_COLOR && process.stdout.isTTY === true)
    await show(values.protocol, openSource(file), report, values.page)
  },
})

async function show(version: 1 | 2, source: Source, report: Report, page: boolean): Promise<void> {
  const server = fork(new URL('../demo/server.js', import.meta.url))
  try {
    const gone = once(server, 'exit').then(() => {
      throw new Failure('the server process ended before the demo did')
    })
    gone.catch(() => {})
    const [{ address }] = (await Promise.race([once(server, 'message'), gone])) as [{ address: string }]
    const { host, port, serverKey } = parseAddress(address)
    const keyPair = generateKeyPair()
    const plain = net.connect({ host, port, allowHalfOpen: true, noDelay: true })
    await once(plain, 'connect')
    const tap = new Tap(plain, page ? KEPT_FOR_PAGE_BYTES : KEPT_BYTES)
    const keyLines: string[] = []
    const logged = page ? { onKeys: (line: string) => void keyLines.push(line) } : {}
    const seen = once(server, 'message') as Promise<[{ client: string }]>
    const socket = await connect({ stream: tap, keyPair, serverKey, version, allowHalfOpen: true, ...logged })
    const [{ client }] = await seen

    report.heading('Two processes, and a key each')
    report.row('server', `process ${server.pid}, ${address}`)
    report.row('client', `process ${process.pid}, ${encodePublicKey(keyPair.publicKey)}`)
    report.row('it knows', `the server by the key it proved: ${encodePublicKey(socket.remotePublicKey)}`)
    report.row('server knows', `the client by the key it proved: ${client}`)
    report.row(
      'session',
      socket.handshakeHash
        ? `${Buffer.from(socket.handshakeHash).toString('hex')} (handshake hash)`
        : 'version 1 has no name for it',
    )

    const echoed = await roundTrip(socket, source.open())
    report.handshake(version, tap)
    report.heading('A file there and back')
    report.row('file', source.name)
    report.row('sent', `${echoed.sent.bytes} bytes, SHA-256 ${echoed.sent.sha256}`)
    report.row('came back', `${echoed.received.bytes} bytes, SHA-256 ${echoed.received.sha256}`)
    if (echoed.sent.sha256 !== echoed.received.sha256) throw new Failure('what came back is not what was sent')
    report.row('the same', `yes, in ${echoed.milliseconds.toFixed(1)} ms`)

    const bulk = await roundTrip(await connect(address, { keyPair, version, allowHalfOpen: true }), zeros(STREAMING_MS))
    const rate = bulk.sent.bytes / 1000 / bulk.milliseconds
    report.row(
      'streaming',
      `${(bulk.sent.bytes / 1e6).toFixed(0)} MB for a second, both ways at once: ${rate.toFixed(0)} MB/s each way`,
    )
    report.code()
    if (page) writeConversation(tap, keyLines, report)
  } finally {
    if (server.connected) {
      server.disconnect()
      await once(server, 'exit')
    }
  }
}

/** The page, with what crossed the socket, and the keys that open it. */
function writeConversation(tap: Tap, keyLines: string[], report: Report): void {
  const pieces = tap.pieces.map(({ from, bytes }) => ({ from, bytes: bytes.toString('base64') }))
  writeWhole(PAGE, pageWith({ pieces, keyLog: keyLines.join('\n') }), true)
  report.heading('The same, byte by byte')
  report.row('page', `${PAGE}: open it in a browser. It holds this conversation and its keys`)
}

interface Counted {
  bytes: number
  sha256: string
}

/** Sends all of a stream, ends this direction, and takes what comes back until the other ends too. */
async function roundTrip(socket: SecureSocket, source: Readable) {
  const started = performance.now()
  const sending = (async () => {
    const counted = counter()
    for await (const chunk of source) {
      counted.add(chunk)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
    return counted.result()
  })()
  const back = counter()
  const receiving = (async () => {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) back.add(chunk)
    return back.result()
  })()
  const [sent, received] = await Promise.all([sending, receiving])
  return { sent, received, milliseconds: performance.now() - started }
}

function counter() {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    add(chunk: Uint8Array) {
      bytes += chunk.length
      hash.update(chunk)
    },
    result: (): Counted => ({ bytes, sha256: hash.digest('hex') }),
  }
}

/** Streams for a while, for the rate; hashed like any file. */
function zeros(milliseconds: number): Readable {
  const until = performance.now() + milliseconds
  const chunk = Buffer.alloc(64 * 1024)
  return Readable.from(
    (function* () {
      while (performance.now() < until) yield chunk
    })(),
  )
}

interface Source {
  name: string
  open(): Readable
}

function openSource(name: string = README): Source {
  if (name === '-') return { name: 'standard input', open: () => process.stdin }
  const found = statSync(name, { throwIfNoEntry: false })
  if (!found) throw new Failure(`there is no file ${name}`, 'give a path that exists, or - for standard input')
  if (found.isDirectory())
    throw new Failure(`${name} is a directory`, 'give a file, or tar it: tar c DIR | nopki demo -')
  return { name, open: () => createReadStream(name) }
}

/** The README's first block of code. */
function readmeCode(): string {
  const code = readFileSync(README, 'utf8').match(/```js\n(.*?)```/s)?.[1] ?? ''
  return code.replace(/^(?=.)/gm, '  ')
}

/** What the demo prints. */
class Report {
  #color: boolean

  constructor(color: boolean) {
    this.#color = color
  }

  heading(text: string): void {
    this.#print(`\n${this.#style('bold', text)}\n`)
  }

  row(label: string, text: string): void {
    this.#print(`  ${this.#style('cyan', label.padEnd(13))} ${text}\n`)
  }

  /** The handshake's messages and the first record, out of the bytes that crossed the socket. */
  handshake(version: 1 | 2, { sent, received }: Tap): void {
    const hello = version === 1 ? HELLO_1_BYTES : HELLO_2_BYTES
    const challenge = version === 1 ? CHALLENGE_1_BYTES : CHALLENGE_2_BYTES
    const header = version === 1 ? STREAM_HEADER_BYTES : 0
    const response = hello + RESPONSE_BYTES
    this.#message('hello', 'client to server', version === 1 ? 'hello1' : 'hello2', sent.subarray(0, hello))
    this.#message(
      'challenge',
      'server to client',
      version === 1 ? 'challenge1' : 'challenge2',
      received.subarray(0, challenge),
    )
    this.#message('response', 'client to server', 'response', sent.subarray(hello, response))
    if (header) this.#message('stream header', 'client to server', 'header', sent.subarray(response, response + header))
    const record = sent.subarray(response + header)
    const length = record.length < 2 ? 0 : record.readUInt16LE(0)
    this.#message('first record', 'client to server', version === 1 ? 'record1' : 'record2', record.subarray(0, length))
  }

  code(): void {
    this.heading('The same in ten lines')
    this.#print(readmeCode())
  }

  #message(name: string, way: string, kind: Parameters<typeof dump>[0], bytes: Uint8Array): void {
    this.heading(`${name}, ${way}`)
    this.#print(dump(kind, bytes, { color: this.#color, width: 100 }))
  }

  #style(style: 'bold' | 'cyan', text: string): string {
    return this.#color ? styleText(style, text) : text
  }

  #print(text: string): void {
    process.stdout.write(text)
  }
}
