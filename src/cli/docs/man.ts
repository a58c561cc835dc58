// Man pages, out of what the commands declare: man(7), as groff and mandoc read it.

import { type Command, usageText } from '../frame/command.js'
import { summaryWithDefault } from '../frame/help.js'
import { ABOUT, paragraphs, SUMMARY } from './about.js'

/** File names and texts: nopki(1), and a page a command. */
export function manPages(commands: readonly Command[], version: string): Map<string, string> {
  const pages = new Map([['nopki.1', overviewPage(commands, version)]])
  for (const command of commands) pages.set(`nopki-${command.name}.1`, commandPage(command, version))
  return pages
}

function overviewPage(commands: readonly Command[], version: string): string {
  return lines(
    head('nopki', version),
    '.SH NAME',
    `nopki \\- ${quoted(SUMMARY)}`,
    '.SH SYNOPSIS',
    '.B nopki',
    '.I COMMAND',
    '[\\fIOPTIONS\\fR]',
    '.SH COMMANDS',
    ...commands.flatMap(({ name, summary }) => ['.TP', `.BR nopki\\-${quoted(name)} (1)`, quoted(summary)]),
    ...ABOUT.flatMap(({ heading, text }) => [section(heading), ...prose(text)]),
    '.SH SEE ALSO',
    quoted('docs/cli.md, docs/protocol.md and docs/errors.md of the package.'),
  )
}

function commandPage(command: Command, version: string): string {
  const { name, summary, description, args, options, examples, notes = [] } = command
  const named = Object.entries(options)
  return lines(
    head(`nopki-${name}`, version),
    '.SH NAME',
    `nopki\\-${quoted(name)} \\- ${quoted(summary)}`,
    '.SH SYNOPSIS',
    `.B ${quoted(usageText(command))}`,
    '.SH DESCRIPTION',
    ...prose(description),
    ...(args.length > 0 ? ['.SH ARGUMENTS'] : []),
    ...args.flatMap(it => ['.TP', `.I ${quoted(it.name)}`, quoted(it.summary)]),
    '.SH OPTIONS',
    ...named.flatMap(([option, it]) => ['.TP', optionLine(option, it), quoted(summaryWithDefault(it))]),
    ...['.TP', '.BR \\-h ", " \\-\\-help', 'prints this'],
    ...notes.flatMap(({ heading, text }) => [section(heading), ...prose(text)]),
    '.SH EXAMPLES',
    ...examples.flatMap(({ summary: what, line }) => ['.PP', quoted(`${what}:`), '.PP', '.EX', ...code(line), '.EE']),
    '.SH SEE ALSO',
    '.BR nopki (1)',
  )
}

function head(name: string, version: string): string {
  return `.TH ${quoted(name.toUpperCase())} 1 "" "nopki ${quoted(version)}" "nopki"`
}

function section(heading: string): string {
  return `.SH ${quoted(heading.toUpperCase())}`
}

function optionLine(name: string, { short, value }: { short?: string; value?: string }): string {
  const long = `\\fB\\-\\-${quoted(name)}\\fR`
  const both = short ? `\\fB\\-${short}\\fR, ${long}` : long
  return value === undefined ? both : `${both} \\fI${quoted(value)}\\fR`
}

function prose(text: string): string[] {
  return paragraphs(text).flatMap((it, index) => [...(index ? ['.PP'] : []), quoted(it)])
}

function code(text: string): string[] {
  return text.split('\n').map(it => `    ${quoted(it)}`)
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`
}

/** What groff would take for its own: backslashes, hyphens that it may turn into dashes, a dot or quote ahead of a line, non-ASCII. */
function quoted(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&')
    .replace(/[^\n\x20-\x7e]/gu, char => `\\[u${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`)
}
