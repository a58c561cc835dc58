// docs/cli.md, out of what the commands declare.

import { type Command, optionText, usageText } from '../frame/command.js'
import { summaryWithDefault } from '../frame/help.js'
import { ABOUT, paragraphs } from './about.js'

/** What stands between the page's markers. */
export function commandsPage(commands: readonly Command[]): string {
  const list = commands
    .map(({ name, summary }) => `- [\`nopki ${name}\`](#nopki-${name}): ${prose(summary)}`)
    .join('\n')
  const about = ABOUT.map(({ heading, text }) => `## ${heading}\n\n${paragraphs(text).map(prose).join('\n\n')}`)
  return [list, ...about, ...commands.map(commandSection)].join('\n\n')
}

function commandSection(command: Command): string {
  const { name, description, args, options, notes = [], examples } = command
  return [
    `## nopki ${name}`,
    fenced(usageText(command)),
    ...paragraphs(description).map(prose),
    ...table(
      'argument',
      args.map(it => [it.name, it.summary]),
    ),
    ...table(
      'option',
      Object.entries(options).map(([option, it]) => [optionText(option, it), summaryWithDefault(it)]),
    ),
    ...notes.flatMap(({ heading, text }) => [`**${heading}.** ${paragraphs(text).map(prose).join('\n\n')}`]),
    fenced(examples.map(({ summary, line }) => `# ${summary}\n${line}`).join('\n\n')),
  ].join('\n\n')
}

function table(head: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return []
  const lines = rows.map(([name, text]) => `| \`${cell(name)}\` | ${cell(prose(text))} |`)
  return [[`| ${head} | |`, '| --- | --- |', ...lines].join('\n')]
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

/** Nothing in a sentence is markdown. */
function prose(text: string): string {
  return text.replace(/[<>*]/g, '\\$&').replace(/_(?=\w)/g, '\\_')
}

function fenced(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``
}
