// Real traffic of the loopback, captured by tcpdump (pcap) or dumpcap (pcapng).

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
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
  #file: Buffer[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', chunk => this.#file.push(chunk))
  }

  /** Captures what goes over these ports of the loopback. */
  static async start(tool: Tool, ports: number[], snapLength = 262_144): Promise<Capturing> {
    const filter = ports.map(port => `tcp port ${port}`).join(' or ')
    const args = tool === 'tcpdump' ? ['-U', '--immediate-mode', filter] : ['-q', '-f', filter]
    const child = spawn(tool, ['-i', 'lo', '-s', String(snapLength), '-w', '-', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const it = new Capturing(child)
    let said = ''
    child.stderr!.on('data', chunk => (said += chunk))
    await until(() => /listening on lo|^File: /m.test(said))
    return it
  }

  /** The capture file, when it has as many FINs and RSTs as its connections have ends. */
  async stop(): Promise<Buffer> {
    // What the kernel still holds comes out at the latest a second later; then nothing more comes.
    for (let quiet = 0, before = -1; quiet < 15; ) {
      await new Promise(resolve => setTimeout(resolve, 100))
      quiet = this.#file.length === before ? quiet + 1 : 0
      before = this.#file.length
    }
    const gone = next(this.#child, 'close')
    this.#child.kill('SIGINT')
    await gone
    return Buffer.concat(this.#file)
  }
}
