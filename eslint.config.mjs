// @ts-check
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Rules find mistakes. How code looks is prettier's business, and what a room may import is test/unit/rooms.test.ts's.
export default defineConfig(
  globalIgnores(['dist/', 'out/', '**/node_modules/', '.cache/', 'examples/', 'test/fixtures/', 'media/']),
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }],
      // `import { type T } from 'x'` would still load x.
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' }],
      // A number reads the same in a template as anywhere.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // Matters of taste, on which this house has both habits.
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unnecessary-type-arguments': 'off',
      '@typescript-eslint/prefer-includes': 'off',
      '@typescript-eslint/prefer-optional-chain': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      '@typescript-eslint/prefer-string-starts-ends-with': 'off',
      // Token and character kinds are compared as the numbers they are.
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      // UserError is recognised by its shape: bundles have a class each.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // An interface may promise more than an implementation needs.
      '@typescript-eslint/require-await': 'off',
      // `x!` is for what the line above has just made sure of; noUncheckedIndexedAccess would otherwise breed dead branches.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // `||` also skips the empty string, which is often meant.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true, boolean: true } }],
      // tsc looks at the types; the runtime values at a border (JSON, the pod, VS Code) may be less than what they promise.
      '@typescript-eslint/no-unnecessary-condition': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-console': 'off',
      // Assertions hand over methods and deep pieces of unknown JSON all the time.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    // Pure rooms: what they give depends on what they are given.
    files: ['src/core/**/*.ts', 'src/monitor/**/*.ts'],
    rules: { 'no-restricted-globals': ['error', 'Date', 'performance', 'process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate'] },
  },
  { files: ['src/cli.ts', 'src/cli/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    extends: [tseslint.configs.base],
    rules: { eqeqeq: 'error', 'prefer-const': 'error', 'no-unused-vars': 'off', '@typescript-eslint/no-unused-vars': 'error' },
  },
);
