import 'reflect-metadata';
import { createHash, createPublicKey, webcrypto, X509Certificate } from 'node:crypto';
import { formatHash } from '@dcp/crypto';
import { X509CertificateGenerator } from '@peculiar/x509';

/** PEM texts, as `node:tls` takes them. */
export interface TlsIdentity {
  certificate: string;
  privateKey: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const YEAR_MS = 365 * 86_400_000;

/**
 * A certificate that nobody but its node vouches for: other nodes do not look at who signed it, nor at its name or its dates, but at
 * its public key, which stands in the signed node document.
 */
export async function selfSigned(nodeId: string, now: number): Promise<TlsIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${nodeId}`,
    notBefore: new Date(now - 86_400_000),
    notAfter: new Date(now + 20 * YEAR_MS),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { certificate: certificate.toString('pem'), privateKey: pem('PRIVATE KEY', pkcs8) };
}

function pem(label: string, base64: string): string {
  return `-----BEGIN ${label}-----\n${base64.replaceAll(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;
}

/** `sha256:` of a certificate's public key (SubjectPublicKeyInfo, DER), as node documents name it. */
export function spkiHash(certificate: X509Certificate | string): string {
  const key = typeof certificate === 'string' ? createPublicKey(certificate) : certificate.publicKey;
  return formatHash(
    createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest(),
  );
}
