// What systemd is told and what it hands over: sd_notify(3) and sd_listen_fds(3). Both are absent elsewhere, and then nothing happens.

import { spawn } from 'node:child_process'
import { Failure } from './failure.js'
import { log } from './output.js'

/**
 * Tells the service manager, where there is one. Its socket is a datagram socket, which Node cannot open, so systemd’s own
 * systemd-notify does it; a unit needs NotifyAccess=all for that.
 * @param state such as `READY=1`
 */
export function notifySystemd(...state: string[]): void {
  if (!process.env.NOTIFY_SOCKET) return
  // One after the other: what is said last has to arrive last.
  lastNotice = lastNotice.then(() => notify(state))
}

let lastNotice = Promise.resolve()

function notify(state: string[]): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    // It throws some errors, such as ENOMEM, and emits others.
    const child = spawn('systemd-notify', state, { stdio: 'ignore' })
    child.once('exit', () => resolve())
    child.once('error', reject)
  }).catch((error: Error) => void log.warn(`systemd was not told ${state[0]}: ${error.message}`))
}

/** What `READY=1` after `RELOADING=1` needs: systemd tells reloads apart by the time. */
export function reloadingState(): string[] {
  return ['RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`]
}

/** The descriptor of a socket that systemd listens on for us: the first, or that of a name. @throws Failure where there is none */
export function socketFromSystemd(name: string): number {
  const count = process.env.LISTEN_PID === String(process.pid) ? Number(process.env.LISTEN_FDS) : 0
  if (!(count > 0)) throw new Failure('systemd handed over no socket', 'start this by a unit that has a .socket unit')
  const names = (process.env.LISTEN_FDNAMES ?? '').split(':')
  const index = name === '' ? 0 : names.indexOf(name)
  if (index < 0 || index >= count)
    throw new Failure(`systemd handed over no socket named ${name}`, 'see FileDescriptorName=')
  return FIRST + index
}

/** An environment for programs, without what systemd has said to this process alone. */
export function withoutSystemd(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(?:NOTIFY_SOCKET|LISTEN_(?:PID|FDS|FDNAMES|PIDFDID)|WATCHDOG_(?:PID|USEC)|FDSTORE)$/
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ours.test(name)))
}

const FIRST = 3
