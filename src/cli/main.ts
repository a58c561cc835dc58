#!/usr/bin/env node
// The nopki command: one file a command. Data on stdout, everything else on stderr; exit 0, 1 (failure) or 2 (usage).

import { readFileSync } from 'node:fs'
import { allCommands, COMMANDS } from './commands/list.js'
import type { Command } from './frame/command.js'
import { Failure } from './frame/failure.js'
import { commandHelp, overview } from './frame/help.js'
import { print } from './frame/output.js'
import { disarmSignals } from './frame/signals.js'

disarmSignals()

try {
  await main(process.argv.slice(2))
} catch (error) {
  // Whatever a command has opened before it failed would keep the process.
  process.exit(Failure.of(error).show())
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === '--version') return print(version())
  if (name === '--help' || name === '-h') return print(overview(await allCommands()))
  if (name === 'help')
    return print(args[0] === undefined ? overview(await allCommands()) : commandHelp(await find(args[0])))
  if (name === undefined) throw Failure.usage('no command was given', 'nopki --help lists the commands')
  const command = await find(name)
  if (asksForHelp(args)) return print(commandHelp(command))
  await command.start(args)
}

async function find(name: string): Promise<Command> {
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!load) throw Failure.usage(`there is no command “${name}”`, 'nopki --help lists the commands')
  return await load()
}

/** Behind `--` all is for somebody else. */
function asksForHelp(args: string[]): boolean {
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  return ours.includes('--help') || ours.includes('-h')
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}
