// Small changes of a source text, each of which some test should notice.
import ts from 'typescript';

const SWAPPED = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
  [ts.SyntaxKind.PlusToken, '-'],
  [ts.SyntaxKind.MinusToken, '+'],
  [ts.SyntaxKind.AsteriskToken, '/'],
  [ts.SyntaxKind.SlashToken, '*'],
  [ts.SyntaxKind.AmpersandAmpersandToken, '||'],
  [ts.SyntaxKind.BarBarToken, '&&'],
  [ts.SyntaxKind.AmpersandToken, '|'],
  [ts.SyntaxKind.BarToken, '&'],
  [ts.SyntaxKind.LessThanLessThanToken, '>>'],
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken, '<<'],
]);

/** All mutants of a file: where, what was there, what stands there instead. Types, imports and messages of errors are left alone. */
export function mutantsOf(text, fileName) {
  const source = ts.createSourceFile(fileName, text, ts.ScriptTarget.Latest, true);
  const mutants = [];
  const add = (node, replacement, kind) => {
    const [start, end] = [node.getStart(source), node.getEnd()];
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    mutants.push({ start, end, line, kind, was: text.slice(start, end), replacement });
  };
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    mutate(node, add, text, source);
    // What an error says to people is no behaviour.
    if (ts.isNewExpression(node) && node.expression.getText(source).endsWith('Error')) {
      const [code] = node.arguments ?? [];
      if (code !== undefined) visit(code);
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}

function mutate(node, add, text, source) {
  if (ts.isBinaryExpression(node) && SWAPPED.has(node.operatorToken.kind))
    add(node.operatorToken, SWAPPED.get(node.operatorToken.kind), 'operator');
  if (ts.isNumericLiteral(node)) add(node, `(${node.getText(source)} + 1)`, 'number');
  if (ts.isStringLiteral(node) && node.text !== '') add(node, `'${'x'.repeat(node.text.length)}'`, 'string');
  if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false', 'boolean');
  if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true', 'boolean');
  if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
    const condition = ts.isIfStatement(node) ? node.expression : node.condition;
    add(condition, `!(${condition.getText(source)})`, 'condition');
  }
  if (ts.isExpressionStatement(node)) add(node, ';', 'statement');
  if (ts.isThrowStatement(node)) add(node, ';', 'throw');
  if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
    add(node, node.operand.getText(source), 'negation');
}

export function apply(text, { start, end, replacement }) {
  return text.slice(0, start) + replacement + text.slice(end);
}
