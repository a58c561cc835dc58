#!/usr/bin/env node
// The nopki command: one file a command. Data on stdout, everything else on stderr; exit 0, 1 (failure) or 2 (usage).

import { readFileSync } from 'node:fs'
import { demo, demoHelp } from './demo.js'
import { Failure } from './failure.js'

interface Command {
  summary: string
  help: string
  run(args: string[]): Promise<void>
}

const COMMANDS: Record<string, Command> = {
  demo: { summary: 'two processes talk over a channel, and show its bytes', help: demoHelp, run: demo },
}

// Whoever reads our output may stop before it ends: that is no failure.
process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 1))

try {
  await main(process.argv.slice(2))
} catch (error) {
  const { message, hint, exitCode } = Failure.of(error)
  process.stderr.write(`error: ${message}\n${hint ? `hint: ${hint}\n` : ''}`)
  process.exitCode = exitCode
}

async function main([name, ...args]: string[]): Promise<void> {
  if (name === '--version') return print(version())
  if (name === '--help' || name === '-h' || name === 'help') return print(usage())
  if (name === undefined) throw Failure.usage('no command was given', 'nopki --help lists the commands')
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) throw Failure.usage(`there is no command “${name}”`, 'nopki --help lists the commands')
  if (args.includes('--help') || args.includes('-h')) return print(command.help)
  await command.run(args)
}

function usage(): string {
  const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`)
  return `usage: nopki COMMAND [OPTIONS]\n\n${list.join('\n')}\n\nnopki COMMAND --help tells more; nopki --version its version.`
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
