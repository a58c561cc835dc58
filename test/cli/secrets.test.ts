// No secret key, no passphrase and nothing of what is sent is in a log, a metric, a process's arguments or its environment.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKey } from '../../src/cli/keys/options.js'
import { makeKey, nopki, type Running, run, startNopki, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded, next, plainServer, track } from '../support/sockets.js'
import { dialPlain } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const path = (name: string) => join(folder, name)
const PASSPHRASE = 'passphrase-that-nobody-may-see'
const PLAINTEXT = 'plaintext-that-nobody-may-see'

guarded(
  test,
  'a search for them finds them where they belong, and nowhere else',
  async () => {
    writeFileSync(path('words'), `${PASSPHRASE}\n`, { mode: 0o600 })
    const words = ['--passphrase-file', path('words')]
    const made = await nopki(['keygen', '-o', path('server.key'), ...words])
    const serverKey = String(made.out).trim()
    const alice = await makeKey(folder, 'alice')
    const mallory = await makeKey(folder, 'mallory')
    writeFileSync(path('authorized'), `${alice.publicKey} alice\n`)
    const secrets = [
      ...secretForms(readFileSync(alice.file, 'utf8').match(/sk_(\S+)/)?.[1] ?? ''),
      ...secretForms(
        Buffer.from((await loadKey(path('server.key'), { 'passphrase-file': path('words') })).secretKey).toString(
          'base64url',
        ),
      ),
      PASSPHRASE,
      PLAINTEXT,
      Buffer.from(PLAINTEXT).toString('base64').slice(0, -4),
      Buffer.from(PLAINTEXT).toString('hex'),
    ]

    const service = await plainServer(socket => {
      socket.write(PLAINTEXT)
      socket.resume().on('end', () => socket.end())
    })
    const server = ['-k', path('server.key'), ...words, '-a', path('authorized')]
    const watched = ['--access-log', path('log'), '--metrics', `unix:${path('status')}`]
    const expose = startNopki(['expose', '127.0.0.1:0', String(service), ...server, ...watched])
    const [, place] = await expose.shows(/on (\S+) as pk_/)
    const address = `nopki://${serverKey}@${place}`
    const forward = startNopki(['forward', '0', address, '-k', alice.file, '--access-log', path('forward.log')])
    const [, port] = await forward.shows(/forwarding \S+:(\d+)/)
    const listen = startNopki([
      'listen',
      '127.0.0.1:0',
      ...server,
      '--keep-open',
      '--exec',
      `env > ${path('env')}; cat`,
    ])
    const [, echoAddress = ''] = await listen.shows(/listening on (\S+)/)

    const client = track(dialPlain(Number(port)))
    client.write(PLAINTEXT)
    await next(client, 'data')
    const connect = startNopki(['connect', echoAddress, '-k', alice.file])
    connect.child.stdin?.write(PLAINTEXT)
    await connect.shows(new RegExp(PLAINTEXT))
    await nopki(['connect', address, '-k', mallory.file])
    const running = [expose, forward, listen, connect]
    const processes = running.flatMap(processText)
    const metrics = await run('curl', ['-s', '--unix-socket', path('status'), 'http://localhost/metrics'])
    client.destroy()
    connect.child.stdin?.end()
    await connect.ended
    for (const it of [forward, expose, listen]) await it.stop()

    const places: Record<string, string> = {
      'what is said': running.map(it => it.err).join('\n'),
      'access logs': readFileSync(path('log'), 'latin1') + readFileSync(path('forward.log'), 'latin1'),
      metrics: metrics.out.toString('latin1'),
      'arguments and environments': processes.join('\n'),
      'the environment of a program': readFileSync(path('env'), 'latin1'),
    }
    assert.match(places['what is said'] ?? '', /refused/)
    assert.match(places['access logs'] ?? '', /alice/)
    assert.match(places.metrics ?? '', /nopki_connections_total 1/)
    assert.match(places['arguments and environments'] ?? '', /--passphrase-file/)
    for (const [where, text] of Object.entries(places)) {
      for (const secret of secrets) assert.not.ok(text.includes(secret), `${secret} is in ${where}`)
    }
    // The search itself finds what it looks for.
    const files = readdirSync(folder).filter(it => it.endsWith('.key') || it === 'words')
    const all = files.map(it => readFileSync(path(it), 'utf8')).join('\n') + connect.out
    for (const secret of [PASSPHRASE, PLAINTEXT, `sk_${secrets[0]}`]) assert.ok(all.includes(secret))
  },
  150_000,
)

/** A secret key as text would show it: base64url, base64, hex, and as bytes. */
function secretForms(base64url: string): string[] {
  const bytes = Buffer.from(base64url, 'base64url')
  assert.is(bytes.length, 32)
  return [base64url, bytes.toString('base64').slice(0, -2), bytes.toString('hex'), bytes.toString('latin1')]
}

/** What everyone on the machine, or the same user, can see of a process. */
function processText({ pid }: Running): string[] {
  return ['cmdline', 'environ'].map(it => readFileSync(`/proc/${pid}/${it}`, 'latin1'))
}

test.run()
