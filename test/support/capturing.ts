// Real traffic of the loopback, captured by tcpdump (pcap) or dumpcap (pcapng).

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { next, until } from './sockets.js'

export type Tool = 'tcpdump' | 'dumpcap'

/** Why this machine cannot capture with it; undefined where it can. */
export function cannotCapture(tool: Tool): string | undefined {
  const { error, stderr } = spawnSync(tool, ['-D'], { encoding: 'utf8' })
  if (error) return `${tool} is not installed`
  const trial = spawnSync(tool, ['-i', 'lo', ...(tool === 'tcpdump' ? ['-d', 'tcp'] : ['-d', '-f', 'tcp'])], {
    encoding: 'utf8',
  })
  return trial.status === 0 ? undefined : `${tool} may not capture here: ${stderr}${trial.stderr}`
}

export class Capturing {
  #child: ChildProcess
  #marker: Socket
  #file: Buffer[] = []
  #said = ''

  private constructor(child: ChildProcess, marker: Socket) {
    this.#child = child
    this.#marker = marker
    child.stdout!.on('data', chunk => this.#file.push(chunk))
    child.stderr!.on('data', chunk => (this.#said += chunk))
  }

  /** Captures what goes over these ports of the loopback. */
  static async start(tool: Tool, ports: number[], snapLength = 262_144): Promise<Capturing> {
    const marker = createSocket('udp4')
    marker.bind(0, '127.0.0.1')
    await next(marker, 'listening')
    const filter = [...ports.map(port => `tcp port ${port}`), `udp port ${marker.address().port}`].join(' or ')
    // Memory in the kernel for what they are too slow for: by default, 31 packets of the loopback's size. In KiB and MiB.
    const args =
      tool === 'tcpdump' ? ['-B', '65536', '-U', '--immediate-mode', filter] : ['-B', '64', '-q', '-f', filter]
    const child = spawn(tool, ['-i', 'lo', '-s', String(snapLength), '-w', '-', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const it = new Capturing(child, marker)
    await until(() => /listening on lo|^File: /m.test(it.#said))
    return it
  }

  /** The capture file, with all that was sent until now. */
  async stop(): Promise<Buffer> {
    // Packets come out in their order: when this one is there, all before it are.
    const last = randomBytes(16)
    this.#marker.send(last, this.#marker.address().port, '127.0.0.1')
    await until(() => Buffer.concat(this.#file).includes(last))
    this.#marker.close()
    const gone = next(this.#child, 'close')
    this.#child.kill('SIGINT')
    await gone
    // tcpdump's words, and dumpcap's.
    const dropped =
      this.#said.match(/(\d+) packets? dropped by kernel/) ?? this.#said.match(/on interface .*: \d+\/(\d+)/)
    if (dropped?.[1] !== '0') throw new Error(`the capture may not be whole: ${this.#said}`)
    return Buffer.concat(this.#file)
  }
}
