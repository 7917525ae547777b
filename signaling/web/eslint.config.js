import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['node_modules/'] },
  js.configs.recommended,
  {
    files: ['static/js/**/*.js'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['static/sw.js'],
    languageOptions: { globals: globals.serviceworker },
  },
  {
    // Syntax that Safari 15.0 parses; what it has of names, tools/browsers.js looks after.
    files: ['static/**/*.js'],
    languageOptions: { ecmaVersion: 2022 },
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'StaticBlock', message: 'Safari parses it from 16.4 on.' },
        { selector: 'Literal[regex.pattern=/\\(\\?<[=!]/]', message: 'Safari has lookbehind from 16.4 on.' },
      ],
    },
  },
  {
    files: ['static/js/too-old.js'],
    languageOptions: { ecmaVersion: 5, sourceType: 'script' },
  },
  {
    files: ['test/browser/station.js', 'test/browser/measure.js'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['test/**/*.js', 'tools/**/*.js', '*.config.js'],
    languageOptions: { globals: globals.node },
  },
  {
    rules: {
      'eqeqeq': 'error',
      'no-implicit-globals': 'error',
      'no-shadow': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Texts of others reach the page: build nodes instead.' },
        { property: 'outerHTML', message: 'Texts of others reach the page: build nodes instead.' },
        { property: 'insertAdjacentHTML', message: 'Texts of others reach the page: build nodes instead.' },
      ],
    },
  },
  {
    files: ['static/js/too-old.js'],
    rules: { 'no-var': 'off', 'object-shorthand': 'off', 'prefer-template': 'off' },
  },
];
