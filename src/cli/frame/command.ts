// How a command declares itself: its help, its man page, its completions and its page in docs/cli.md are all made from this.

import { parseArgs } from 'node:util'
import { Failure } from './failure.js'
import { checkOutputs, type NamedFile } from './outputs.js'

/** A command, as one file in src/cli/ declares it with `defineCommand`. */
export interface Command {
  name: string
  /** What it does, in a few words, for the list of commands. */
  summary: string
  /** Paragraphs, separated by empty lines; wrapped where they are shown. */
  description: string
  args: readonly Argument[]
  options: Options
  examples: readonly Example[]
  /** What the description is too short for: more headed paragraphs. */
  notes?: readonly Note[]
  /** @param args what stands behind the command's name */
  start(args: string[]): Promise<void>
}

export interface Argument {
  /** As shown, in capitals. */
  name: string
  summary: string
  optional?: true
  /** Takes all that is left. */
  multiple?: true
  completes?: Completion
}

/** Without `value` it is a switch. */
export interface Option {
  summary: string
  /** One letter. */
  short?: string
  /** What it takes, as shown, in capitals or as alternatives: `FILE`, `1|2`. */
  value?: string
  /** Shown, and read where the option is not given. */
  default?: string
  /** May be given several times: its values are a list. */
  multiple?: true
  /** Makes of the text what the command uses. Fails with `Failure.usage`, naming the option. */
  read?(text: string, name: string): unknown
  completes?: Completion
  /** Of a file: it is written to, if it is there already too. */
  writes?: true
}

export type Options = Readonly<Record<string, Option>>

/** What a shell offers: names of files, or these words. */
export type Completion = 'file' | readonly string[]

export interface Example {
  /** What it is for: a short clause. */
  summary: string
  /** One line, or several joined by `\` as a shell reads them. */
  line: string
}

export interface Note {
  heading: string
  text: string
}

/** The options' values by name: text, or what `read` makes of it; switches are true or false. */
export type Values<O extends Options> = {
  [Name in keyof O]: O[Name] extends { value: string }
    ? O[Name] extends { multiple: true }
      ? One<O[Name]>[]
      : O[Name] extends { default: string }
        ? One<O[Name]>
        : One<O[Name]> | undefined
    : boolean
}

type One<O> = O extends { read(text: string, name: string): infer T } ? T : string

interface Definition<O extends Options> extends Omit<Command, 'start' | 'options'> {
  options: O
  run(values: Values<O>, args: string[]): Promise<void>
}

/** Types `run` by the options that are declared. */
export function defineCommand<const O extends Options>({ run, ...command }: Definition<O>): Command {
  const start = async (args: string[]) => {
    const { positionals, values } = parse(command, args)
    await run(values as Values<O>, positionals)
  }
  return { ...command, start }
}

function parse(command: Pick<Command, 'name' | 'args' | 'options'>, args: string[]) {
  const config: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: boolean }> = {}
  for (const [name, { value, short, multiple = false }] of Object.entries(command.options)) {
    config[name] = { type: value === undefined ? 'boolean' : 'string', multiple, ...(short && { short }) }
  }
  const parsed = parseArgs({ args, options: config, allowPositionals: true, tokens: true })
  checkRepeats(parsed.tokens, command.options)
  checkCount(command, parsed.positionals)
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(command.options))
    values[name] = valueFor(name, option, parsed.values[name])
  checkOutputs(filesOf(command, parsed))
  return { positionals: parsed.positionals, values }
}

/** Those that are named, and not an output’s default. */
function filesOf(
  { args, options }: Pick<Command, 'args' | 'options'>,
  { values, positionals }: { values: Record<string, unknown>; positionals: readonly string[] },
): NamedFile[] {
  const named = Object.entries(options).flatMap(([name, { completes, writes = false }]) =>
    completes === 'file'
      ? [values[name] ?? []].flat().map(path => ({ by: `--${name}`, path: String(path), writes }))
      : [],
  )
  const given = args.flatMap(({ name, completes }, at) => {
    const path = positionals[at]
    return completes === 'file' && path !== undefined ? [{ by: name, path, writes: false }] : []
  })
  return [...named, ...given]
}

function valueFor(name: string, option: Option, given: unknown): unknown {
  if (option.value === undefined) return given === true
  const read = (text: unknown) => (option.read ? option.read(String(text), `--${name}`) : text)
  if (option.multiple) return ((given as string[] | undefined) ?? []).map(read)
  const text = given ?? option.default
  return text === undefined ? undefined : read(text)
}

/** What is said twice is a mistake more often than a wish. */
function checkRepeats(tokens: readonly { kind: string; name?: string }[], options: Options): void {
  const seen = new Set<string>()
  for (const { kind, name } of tokens) {
    if (kind !== 'option' || !name || options[name]?.multiple) continue
    if (seen.has(name)) throw Failure.usage(`--${name} was given twice`, 'give it once')
    seen.add(name)
  }
}

function checkCount({ name, args }: Pick<Command, 'name' | 'args'>, given: string[]): void {
  const wanted = args.map(argumentText).join(' ') || 'no arguments'
  const missing = args[given.length]
  if (missing && !missing.optional && !(missing.multiple && given.length >= args.length)) {
    throw Failure.usage(`${missing.name} is missing`, `nopki ${name} takes ${wanted}`)
  }
  // It is not quoted: someone may have pasted a secret key.
  if (given.length > args.length && !args.at(-1)?.multiple) {
    throw Failure.usage('there are more arguments than the command takes', `nopki ${name} takes ${wanted}`)
  }
}

/** `FILE`, `[FILE]`, `FILE...` */
export function argumentText({ name, optional, multiple }: Argument): string {
  const text = multiple ? `${name}...` : name
  return optional ? `[${text}]` : text
}

/** `-o, --output FILE` */
export function optionText(name: string, { short, value }: Option): string {
  return `${short ? `-${short}, ` : ''}--${name}${value === undefined ? '' : ` ${value}`}`
}

/** The line that says how a command is called, without `usage:`. */
export function usageText({ name, args, options }: Command): string {
  const parts = ['nopki', name, ...args.map(argumentText)]
  if (Object.keys(options).length > 0) parts.push('[OPTIONS]')
  return parts.join(' ')
}
