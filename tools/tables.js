// Tables in the pages of docs/, between their markers: `<!-- NAME -->` and `<!-- /NAME -->`.

/** The page with each table as it is given by name. @param {string} page @param {Record<string, () => string>} tables */
export function withTables(page, tables) {
  return Object.entries(tables).reduce((text, [name, table]) => {
    const between = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`)
    if (!between.test(text)) throw new Error(`the page has no markers for ${name}`)
    return text.replace(between, (_, start, end) => `${start}\n${table()}\n${end}`)
  }, page)
}

/** @param {string[]} head @param {string[][]} rows */
export function markdown(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows.map(row => row.map(cell => cell.replaceAll('|', '\\|')))]
  return lines.map(cells => `| ${cells.join(' | ')} |\n`).join('')
}
