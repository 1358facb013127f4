/** The deployed functions, one registration each: the functions framework serves the one that its target names. */

import { http } from '@google-cloud/functions-framework';
import { handlerOf } from './handler.ts';
import { rooms } from './rooms.ts';

for (const [name, make] of Object.entries(rooms)) http(name, handlerOf(name, make));
