import { completionScript, SHELLS, type Shell } from '../docs/completions.js'
import { type Command, defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'

/** @param all gives every command's declaration */
export function completionOf(all: () => Promise<Command[]>): Command {
  return defineCommand({
    name: 'completion',
    summary: 'prints a script that completes nopki’s commands and options in a shell',
    description:
      'Prints a script for bash, zsh or fish that completes commands, options, and the names of files where they belong.',
    args: [{ name: 'SHELL', summary: SHELLS.join(', '), completes: SHELLS }],
    options: {},
    examples: [
      { summary: 'bash: in ~/.bashrc', line: 'source <(nopki completion bash)' },
      { summary: 'zsh: in ~/.zshrc, behind compinit', line: 'source <(nopki completion zsh)' },
      { summary: 'fish', line: 'nopki completion fish > ~/.config/fish/completions/nopki.fish' },
    ],
    async run(_, [shell = '']) {
      if (!SHELLS.includes(shell as Shell))
        throw Failure.usage('there is no completion for that shell', `there is one for ${SHELLS.join(', ')}`)
      process.stdout.write(completionScript(shell as Shell, await all()))
    },
  })
}
