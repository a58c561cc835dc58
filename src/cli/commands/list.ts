import type { Command } from '../frame/command.js'

/** A command is loaded when it is called: what one of them needs costs the others nothing. */
export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  keygen: async () => (await import('./keygen.js')).keygen,
  pubkey: async () => (await import('./pubkey.js')).pubkey,
  listen: async () => (await inSteps(() => import('./listen.js'))).listen,
  connect: async () => (await inSteps(() => import('./connect.js'))).connect,
  forward: async () => (await inSteps(() => import('./forward.js'))).forward,
  expose: async () => (await inSteps(() => import('./expose.js'))).expose,
  route: async () => (await inSteps(() => import('./route.js'))).route,
  inspect: async () => (await import('./inspect.js')).inspect,
  wire: async () => (await import('./wire.js')).wire,
  doctor: async () => (await import('./doctor.js')).doctor,
  demo: async () => (await import('./demo.js')).demo,
  completion: async () => (await import('./completion.js')).completionOf(allCommands),
}

/** Every command's declaration, in the order in which lists show them. */
export async function allCommands(): Promise<Command[]> {
  return await Promise.all(Object.values(COMMANDS).map(load => load()))
}

/** Node opens all modules that a command needs at once: in steps, fewer descriptors are taken at a time. */
async function inSteps<T>(load: () => Promise<T>): Promise<T> {
  await import('../../engine/index.js')
  await import('../../node/link.js')
  await import('../../node/handshake.js')
  await import('../../node/socket.js')
  await import('../../node/index.js')
  return await load()
}
