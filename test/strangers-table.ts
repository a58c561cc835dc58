// node build/test/strangers-table.js [part of a server's or an attack's name ...]: what a server goes through while it is attacked, as a
// table. No test: its figures are this machine's.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ATTACKS, honestClients } from './support/strangers.js'
import { residentMiB, SERVERS } from './support/strangers-servers.js'

const COUNT = 20
const [ATTACKED_FROM, ELSEWHERE] = ['127.0.0.2', '127.0.0.3']
const wanted = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'nopki-'))
const head = [
  'server',
  'attack',
  `served of ${COUNT}, same address`,
  'slowest, ms',
  `served of ${COUNT}, another`,
  'slowest, ms',
  'memory before, MiB',
  'memory meanwhile, MiB',
  'event loop late by at most, ms',
]

print(head)
print(head.map(() => '---'))
for (const [name, start] of wantedOf(SERVERS)) {
  for (const [attacked, begin] of wantedOf(ATTACKS)) {
    const server = await start(folder)
    const before = residentMiB(server.pid)
    const attack = begin(server.target, ATTACKED_FROM)
    await attack.begun
    const same = await honestClients(server.target, ATTACKED_FROM, COUNT)
    const other = await honestClients(server.target, ELSEWHERE, COUNT)
    const report = await server.report()
    const memory = residentMiB(server.pid)
    attack.stop()
    await server.stop()
    print([name, attacked, same.served, same.slowest, other.served, other.slowest, before, memory, report?.delay])
  }
}
rmSync(folder, { recursive: true })
process.exit()

/** All of them, if none was named. */
function wantedOf<T>(all: Record<string, T>): [string, T][] {
  const entries = Object.entries(all)
  const named = entries.filter(([name]) => wanted.some(it => name.includes(it)))
  return named.length > 0 ? named : entries
}

function print(cells: readonly (string | number | undefined)[]): void {
  console.log(`| ${cells.map(it => it ?? '–').join(' | ')} |`)
}
