/** The published vectors of message sealing, sender keys, sessions and post-quantum keys, as they stand on disk. */
import { readFileSync } from 'node:fs';

export type Hex = string;

export interface PartyVector {
  user_id: string;
  device: string;
  signing_key: Hex;
  exchange_key: Hex;
  exchange_secret: Hex;
  post_quantum: boolean;
}

interface PrekeyVector {
  id: number;
  public_key: Hex;
}

export interface HandshakeVector {
  prekeys: {
    epoch: number;
    signed: PrekeyVector & { private_key: Hex };
    one_time?: PrekeyVector & { private_key: Hex };
    ml_kem?: PrekeyVector & { seed: Hex };
  };
  initiator: PartyVector;
  responder: PartyVector;
  dh: Hex[];
  ml_kem_secret?: Hex;
  associated_data: Hex;
  secret_key: Hex;
  root_key: Hex;
  initiator_header_key: Hex;
  responder_next_header_key: Hex;
  session_id: Hex;
}

type Side = 'initiator' | 'responder';
type SessionEvent =
  | { event: 'send'; by: Side; now: number; plaintext: string; draws: Record<string, Hex>; message: Hex }
  | { event: 'receive'; by: Side; now: number; plaintext: string; message_number: number };

interface Encapsulation {
  public_key: Hex;
  message: Hex;
  ciphertext: Hex;
  shared_secret: Hex;
}

interface SignatureVector {
  public_key: Hex;
  message: Hex;
  signature: Hex;
}

interface PostQuantumVectors {
  ml_kem_768: {
    keygen: { d: Hex; z: Hex; public_key_sha3_256: Hex }[];
    encapsulations: Encapsulation[];
    decapsulation: Encapsulation & { seed: Hex; changed_ciphertext_byte: number; rejected_shared_secret: Hex };
  };
  ml_dsa_65: { keygen: { seed: Hex; public_key_shake256: Hex }[]; signature: SignatureVector };
  falcon_512: SignatureVector;
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url), 'utf8')) as T;
}

export const messageSeal = read<{
  messages: {
    conversation_key: Hex;
    nonce: Hex;
    message_key: Hex;
    additional_data: Hex;
    plaintext: Hex;
    ciphertext: Hex;
  }[];
}>('message-seal');

export const disclosedKey = read<{
  key_id: string;
  messages: {
    name: string;
    start: { n: number; chain_key: Hex };
    frame: { id: string; n: number };
    conversation_key: Hex;
    additional_data: Hex;
    nonce: Hex;
    ciphertext: Hex;
    content: Hex;
  }[];
}>('disclosed-key');

export const messagePadding = read<{
  opens: { name: string; codec?: 'brotli'; content: Hex; padded: Hex }[];
  refused: { name: string; padded: Hex }[];
}>('message-padding');

export const senderKey = read<{
  key_id: string;
  now: number;
  chain_key: Hex;
  steps: { n: number; chain_key: Hex; conversation_key: Hex }[];
  own_serialised: Hex;
  received_serialised: Hex;
}>('sender-key');

export const safetyNumbers = read<{
  numbers: { parties: { user_id: string; identity_key: Hex }[]; safety_number: string }[];
}>('safety-number');

export const sealedState = read<{
  states: { key: Hex; context: string; state: Hex; nonce: Hex; sealed: Hex }[];
}>('sealed-state');

export const pairSession = read<{
  sessions: { name: string; handshake: HandshakeVector; first_draws: Record<string, Hex>; events: SessionEvent[] }[];
}>('pair-session');

export const postQuantum = read<PostQuantumVectors>('post-quantum');
