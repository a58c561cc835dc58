/** The words of each line that has any, with its number: `#` at the start of a word begins a comment, which the line's end ends. */
export function* linesOf(text: string): Generator<{ words: string[]; number: number }> {
  for (const [at, line] of text.split('\n').entries()) {
    // `s`: not what only Unicode takes for the end of a line, for editors show what stands behind it as a part of the comment.
    const words = line
      .replace(/(^|\s)#.*$/s, '')
      .trim()
      .split(/\s+/)
    if (words[0]) yield { words, number: at + 1 }
  }
}
