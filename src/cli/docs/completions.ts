// Completion scripts for shells, out of what the commands declare.

import type { Argument, Command, Completion, Option } from '../frame/command.js'
import { paragraphs } from './about.js'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return SCRIPTS[shell](commands)
}

const SCRIPTS: Record<Shell, (commands: readonly Command[]) => string> = { bash, zsh, fish }

/** A function that looks at the word ahead, and else offers options, and files where an argument is one. */
function bash(commands: readonly Command[]): string {
  const cases = commands.map(({ name, args, options }) => {
    const values = Object.entries(options)
      .filter(([, { value }]) => value !== undefined)
      .map(([option, it]) => `        ${bashNames(option, it)}) ${bashWords(it.completes)}; return ;;`)
    const all = [...Object.keys(options).map(it => `--${it}`), '--help'].join(' ')
    const positional = completionOf(args)
    return `    ${name})
      case $before in
${[...values, '        *) ;;'].join('\n')}
      esac
      if [[ $word == -* ]]; then _nopki_words ${quote(all)}; return; fi
      ${bashWords(positional)} ;;`
  })
  return `# nopki completion for bash
_nopki_words() {
  COMPREPLY=($(compgen -W "$1" -- "$word"))
}
_nopki_files() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen -f -- "$word"))
}
_nopki() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _nopki_words ${quote([...commands.map(it => it.name), '--help', '--version'].join(' '))}
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
}
complete -F _nopki nopki
`
}

function bashNames(name: string, { short }: Option): string {
  return short ? `-${short} | --${name}` : `--${name}`
}

function bashWords(completes: Completion | undefined): string {
  if (completes === 'file') return '_nopki_files'
  return completes ? `_nopki_words ${quote(completes.join(' '))}` : ':'
}

/** `_arguments` does the work. */
function zsh(commands: readonly Command[]): string {
  const names = commands.map(({ name, summary }) => `    ${quote(`${name}:${plain(summary)}`)}`)
  const cases = commands.map(({ name, args, options }) => {
    const specs = [
      ...Object.entries(options).map(([option, it]) => zshOption(option, it)),
      "'(- *)'{-h,--help}'[prints help]'",
      ...args.map(zshArgument),
    ]
    return `    ${name})\n      _arguments -s -S \\\n        ${specs.join(' \\\n        ')} ;;`
  })
  return `#compdef nopki
# nopki completion for zsh
_nopki() {
  local -a commands=(
${names.join('\n')}
  )
  if ((CURRENT == 2)); then
    _describe -t commands command commands
    compadd -- --help --version
    return
  fi
  local command=$words[2]
  shift words
  ((CURRENT--))
  case $command in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _nopki ]]; then _nopki "$@"; else compdef _nopki nopki; fi
`
}

function zshOption(name: string, { short, value, multiple, summary, completes }: Option): string {
  const says = `[${plain(summary).replace(/[[\]\\]/g, '\\$&')}]`
  const takes = value === undefined ? '' : `:${plain(value).replaceAll(':', '\\:')}:${zshAction(completes)}`
  if (!short) return quote(`${multiple ? '*' : ''}--${name}${says}${takes}`)
  const names = `{-${short},--${name}}`
  return multiple ? `'*'${names}${quote(says + takes)}` : `'(-${short} --${name})'${names}${quote(says + takes)}`
}

function zshArgument({ name, optional, multiple, completes }: Argument): string {
  return quote(`${multiple ? '*' : optional ? ':' : ''}:${name}:${zshAction(completes)}`)
}

function zshAction(completes: Completion | undefined): string {
  if (completes === 'file') return '_files'
  return completes ? `(${completes.join(' ')})` : ' '
}

/** A line a thing. */
function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap(({ name, summary, args, options }) => {
    const within = `complete -c nopki -n ${quote(`__fish_seen_subcommand_from ${name}`)}`
    const positional = completionOf(args)
    return [
      `complete -c nopki -n __fish_use_subcommand -a ${name} -d ${quote(plain(summary))}`,
      ...Object.entries(options).map(([option, it]) => `${within} ${fishOption(option, it)}`),
      `${within} -s h -l help -d 'prints help'`,
      ...(positional === 'file' ? [`${within} -F`] : positional ? [`${within} -a ${quote(positional.join(' '))}`] : []),
    ]
  })
  return `# nopki completion for fish
complete -c nopki -f
complete -c nopki -n __fish_use_subcommand -l help -d 'prints help'
complete -c nopki -n __fish_use_subcommand -l version -d 'prints the version'
${lines.join('\n')}
`
}

function fishOption(name: string, { short, value, summary, completes }: Option): string {
  const takes =
    value === undefined
      ? ''
      : completes === 'file'
        ? ' -r -F'
        : completes
          ? ` -x -a ${quote(completes.join(' '))}`
          : ' -x'
  return `${short ? `-s ${short} ` : ''}-l ${name}${takes} -d ${quote(plain(summary))}`
}

/** What positional arguments are offered: one kind for all of them. */
function completionOf(args: readonly Argument[]): Completion | undefined {
  return args.find(it => it.completes)?.completes
}

function plain(text: string): string {
  return paragraphs(text).join(' ')
}

/** For all three shells; none of them looks into single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll("'", '’')}'`
}
