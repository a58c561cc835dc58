// What is written while the command runs: a reader that stalls, a disk that is full, a file that is moved.

import { closeSync, constants, openSync, readFileSync, readSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LogFile } from '../../src/cli/service/log-file.js'
import { nopki, run, workFolder } from '../support/command.js'
import { cleanUpAfter, guarded, plainServer, until } from '../support/sockets.js'
import { startExpose, startListen, tunnelKeys } from '../support/tunnel.js'

cleanUpAfter(test)

const folder = workFolder(test)
const keys = await tunnelKeys(folder)
const path = (name: string) => join(folder, name)
const check = (name: string, body: () => Promise<void>) => guarded(test, name, body, 60_000)
const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

async function pipe(name: string): Promise<string> {
  await run('mkfifo', [path(name)])
  return path(name)
}

/** All that is in a pipe now. */
function drain(reader: number): string {
  const parts: Buffer[] = []
  for (;;) {
    const part = Buffer.alloc(65_536)
    try {
      const length = readSync(reader, part)
      if (length === 0) return String(Buffer.concat(parts))
      parts.push(part.subarray(0, length))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return String(Buffer.concat(parts))
      throw error
    }
  }
}

check(
  'authorized keys that are none are named at the start; one that has a key, or lets anyone in, is not',
  async () => {
    const empty = join(folder, 'nobody')
    writeFileSync(empty, '# nobody yet\n')
    for (const [who, warned] of [
      [['-a', empty], true],
      [['-a', keys.authorized], false],
      [['--allow-anyone'], false],
    ] as const) {
      const { listener } = await startListen(['-k', keys.server.file, ...who, '--echo'])
      const { err } = await listener.stop()
      assert.is(err.includes(`warning: ${empty} has no keys: nobody is let in\n`), warned, err)
    }
  },
)

check('a pipe that is not read loses lines, which are counted, and is written again when it is', async () => {
  const file = await pipe('stalled')
  const log = new LogFile(file)
  const reader = openSync(file, O_RDONLY | O_NONBLOCK)
  const line = (at: number) => JSON.stringify({ at, filler: 'x'.repeat(300) })
  const total = 10_000
  for (let at = 0; at < total; at += 1) {
    log.write(line(at))
    if (at % 100 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(log.lost > 0 && log.lost < total, `${log.lost} lines lost`)
  assert.match(log.trouble, /more slowly/)
  let got = ''
  await until(() => {
    got += drain(reader)
    return log.trouble === ''
  })
  log.write(line(total))
  await until(() => {
    got += drain(reader)
    return got.endsWith(`${line(total)}\n`)
  })
  const lines = got.trim().split('\n')
  assert.is(lines.length, total + 1 - log.lost)
  for (const it of lines) assert.is(line(JSON.parse(it).at), it, 'every line is whole')
  await log.close()
  closeSync(reader)
})

check('a disk that is full, and one that is not any more', async () => {
  const log = new LogFile('/dev/full')
  log.write('one')
  log.write('two')
  await until(() => log.lost === 2)
  assert.match(log.trouble, /ENOSPC/)
  await log.close()
})

check('a file that is moved away: what comes later is in a new one, and nothing is lost', async () => {
  const log = new LogFile(path('moved'))
  log.write('one')
  renameSync(path('moved'), path('moved.1'))
  log.reopen()
  log.write('two')
  await log.close()
  assert.is(readFileSync(path('moved.1'), 'utf8') + readFileSync(path('moved'), 'utf8'), 'one\ntwo\n')
  assert.is(readFileSync(path('moved'), 'utf8'), 'two\n')
  assert.is(log.lost, 0)
})

check('a full pipe as the access log stops neither connections nor SIGTERM', async () => {
  const service = await plainServer(socket => socket.end('in'))
  const file = await pipe('full')
  const reader = openSync(file, O_RDONLY | O_NONBLOCK)
  const writer = openSync(file, O_WRONLY | O_NONBLOCK)
  assert.throws(() => {
    for (;;) writeSync(writer, Buffer.alloc(4096))
  }, /EAGAIN/)
  const { expose, address } = await startExpose(keys, service, ['--access-log', file])
  for (const _ of [1, 2, 3]) {
    assert.is(String((await nopki(['connect', address, '-k', keys.alice.file])).out), 'in')
  }
  const { code, err } = await expose.stop()
  assert.is(code, 0)
  assert.match(err, /full cannot be written: it did not take the last lines/)
  closeSync(reader)
  closeSync(writer)
})

check('a pipe that nobody reads yet does not keep the command from starting', async () => {
  const file = await pipe('unread')
  const service = await plainServer(socket => socket.end('in'))
  const { expose, address } = await startExpose(keys, service, ['--access-log', file])
  assert.is(String((await nopki(['connect', address, '-k', keys.alice.file])).out), 'in')
  const reader = openSync(file, O_RDONLY | O_NONBLOCK)
  let got = ''
  await until(() => {
    got += drain(reader)
    return got.endsWith('\n')
  })
  assert.is(JSON.parse(got).ended, 'closed')
  await expose.stop()
  closeSync(reader)
})

check('standard error that nobody reads: memory is bounded, losses are told, and the process ends', async () => {
  const script = `const { log, leaveUnread } = await import(process.argv[1])
    let lost = 0
    for (let at = 0; at < 100_000; at++) lost += log.info('x'.repeat(100)) ? 0 : 1
    console.log(lost, process.stderr.writableLength < 2_000_000)
    leaveUnread()`
  const module = new URL('../../src/cli/frame/output.js', import.meta.url).href
  const line = '"$0" --input-type=module -e "$1" "$2" 2> >(exec sleep 20 > /dev/null 2>&1); echo "exit $?"'
  const { out } = await run('bash', ['-c', line, process.execPath, script, module])
  const [, lost] = /^(\d+) true\nexit 0\n$/.exec(String(out)) ?? []
  assert.ok(Number(lost) > 50_000, String(out))
})

test.run()
