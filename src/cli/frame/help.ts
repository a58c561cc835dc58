// What --help prints, out of what a command declares.

import { type Command, optionText, usageText } from './command.js'

const WIDTH = 100
const HELP = ['-h, --help', 'prints this'] as const

/** `nopki COMMAND --help` */
export function commandHelp(command: Command): string {
  const { args, options, examples, notes = [] } = command
  const rows = Object.entries(options).map(
    ([name, option]) => [optionText(name, option), summaryWithDefault(option)] as const,
  )
  return [
    `usage: ${usageText(command)}`,
    wrap(command.description),
    section(
      'arguments',
      args.map(({ name, summary }) => [name, summary]),
    ),
    section('options', [...rows, HELP]),
    ...notes.map(({ heading, text }) => `${heading.toLowerCase()}:\n${wrap(text, 2)}`),
    `examples:\n${examples.map(({ summary, line }) => `  # ${summary}\n${indent(line)}`).join('\n\n')}`,
  ]
    .filter(part => part !== '')
    .join('\n\n')
}

/** `nopki --help` */
export function overview(commands: readonly { name: string; summary: string }[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const)
  return [
    'usage: nopki COMMAND [OPTIONS]',
    'A secure channel between programs that know each other by public key: no certificates.',
    section('commands', rows),
    'nopki COMMAND --help tells more; nopki --version its version.',
  ].join('\n\n')
}

/** An option's summary as all forms of help show it. */
export function summaryWithDefault(option: { summary: string; default?: string }): string {
  return option.default === undefined ? option.summary : `${option.summary} (default ${option.default})`
}

function section(heading: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return ''
  const column = Math.min(Math.max(...rows.map(([name]) => name.length)), LONGEST_NAME) + 4
  const lines = rows.map(([name, text]) => {
    const wrapped = wrap(text, column)
    return name.length + 4 > column ? `  ${name}\n${wrapped}` : `  ${name}`.padEnd(column) + wrapped.slice(column)
  })
  return `${heading}:\n${lines.join('\n')}`
}

/** Paragraphs broken into lines of at most `WIDTH` columns, of which the first `margin` are left free. */
export function wrap(text: string, margin = 0): string {
  const space = ' '.repeat(margin)
  return text
    .split('\n\n')
    .map(paragraph => {
      const lines: string[] = []
      let line = ''
      for (const word of paragraph.split(/\s+/)) {
        if (line !== '' && margin + line.length + 1 + word.length > WIDTH) {
          lines.push(space + line)
          line = word
        } else line = line === '' ? word : `${line} ${word}`
      }
      return [...lines, space + line].join('\n')
    })
    .join('\n\n')
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ')
}

const LONGEST_NAME = 26
