// Every small change to a file of JavaScript that a test ought to notice.

import { parseAst } from 'vite'

/**
 * @typedef {{ type: string, start: number, end: number, [key: string]: any }} Node
 * @typedef {{ start: number, end: number, text: string, what: string }} Change
 */

/**
 * In the order in which they stand in the file. Texts are changed only where they are compared: what a message says is not what a
 * program does.
 * @param {string} code
 * @returns {Change[]}
 */
export function changesOf(code) {
  /** @type {Change[]} */
  const changes = []
  /** @param {Node} node @param {Node | undefined} parent */
  const visit = (node, parent) => {
    if (LEFT_ALONE.has(node.type)) return
    for (const { start, end, text } of changesOfNode(node, parent, code)) {
      const old = code.slice(start, end)
      const changed = code.slice(0, start) + text + code.slice(end)
      if (old !== text && isProgram(changed)) changes.push({ start, end, text, what: `${short(old)} → ${short(text)}` })
    }
    for (const child of childrenOf(node)) visit(child, node)
  }
  visit(/** @type {Node} */ (/** @type {unknown} */ (parseAst(code))), undefined)
  return changes.sort((a, b) => a.start - b.start || a.end - b.end)
}

/** What does not even parse would be caught by every test. @param {string} code */
function isProgram(code) {
  try {
    parseAst(code)
    return true
  } catch {
    return false
  }
}

/** @param {Node} node @param {Node | undefined} parent @param {string} code @returns {Omit<Change, 'what'>[]} */
function changesOfNode(node, parent, code) {
  const { start, end } = node
  /** @param {string} text @param {{ start: number, end: number }} [place] */
  const to = (text, place = node) => ({ start: place.start, end: place.end, text })
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression': {
      const other = OPERATORS[node.operator]
      return other && !joinsTexts(node) ? [to(other, operatorOf(node, code))] : []
    }
    case 'UpdateExpression': {
      const at = node.prefix ? start : end - 2
      return [to(node.operator === '++' ? '--' : '++', { start: at, end: at + 2 })]
    }
    case 'UnaryExpression':
      return ['!', '-', '~'].includes(node.operator) ? [to(code.slice(node.argument.start, node.argument.end))] : []
    case 'IfStatement':
    case 'ConditionalExpression':
      return [to('true', node.test), to('false', node.test)]
    case 'WhileStatement':
      return [to('false', node.test)]
    case 'MemberExpression':
    case 'CallExpression': {
      const at = node.optional ? code.indexOf('?.', (node.object ?? node.callee).end) : -1
      return at < 0
        ? []
        : [to(node.type === 'MemberExpression' && !node.computed ? '.' : '', { start: at, end: at + 2 })]
    }
    case 'Literal':
      return literal(node, parent).map(text => to(text))
    case 'ExpressionStatement':
      // "use strict", and calls of super, without which nothing runs.
      return node.directive || node.expression.callee?.type === 'Super' ? [] : [to(';')]
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return [to(';')]
    case 'ReturnStatement':
      // Which is the same as returning undefined.
      if (node.argument?.name === 'undefined') return []
      return node.argument ? [to('return;')] : [to(';')]
    default:
      return []
  }
}

/** @param {Node} node @param {Node | undefined} parent */
function literal({ value }, parent) {
  if (typeof value === 'boolean') return [String(!value)]
  if (typeof value === 'number') return [String(value + 1)]
  const compared =
    parent?.type === 'SwitchCase' || (parent?.type === 'BinaryExpression' && /^[!=]==?$/.test(parent.operator))
  return typeof value === 'string' && compared ? ["'another'"] : []
}

/** @param {Node} node */
function joinsTexts({ operator, left, right }) {
  const isText = (/** @type {Node} */ it) => it.type === 'TemplateLiteral' || typeof it.value === 'string'
  return operator.startsWith('+') && (isText(left) || isText(right))
}

/** @param {Node} node @param {string} code */
function operatorOf({ left, right, operator }, code) {
  const start = code.lastIndexOf(operator, right.start - 1)
  return start < left.end ? { start: left.end, end: left.end } : { start, end: start + operator.length }
}

/** @param {Node} node @returns {Node[]} */
function childrenOf(node) {
  return Object.values(node)
    .flat()
    .filter(it => it && typeof it.type === 'string' && typeof it.start === 'number')
}

/** @param {string} text */
function short(text) {
  const line = text.replace(/\s+/g, ' ')
  return line.length > 60 ? `${line.slice(0, 57)}…` : line || 'nothing'
}

const LEFT_ALONE = new Set(['ImportDeclaration', 'ExportAllDeclaration', 'TemplateElement'])
/** @type {Record<string, string>} */
const OPERATORS = {
  '===': '!==',
  '!==': '===',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '&&': '||',
  '||': '&&',
  '??': '&&',
  '&': '|',
  '|': '&',
  '^': '|',
  '<<': '>>',
  '>>': '<<',
  '>>>': '<<',
  '+=': '-=',
  '-=': '+=',
  '??=': '&&=',
  '||=': '&&=',
}
