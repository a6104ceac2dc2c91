/** Injection tokens of what comes from outside the module. */
export const BUS = Symbol('bus');
