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
    files: ['test/**/*.js', '*.config.js'],
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
];
