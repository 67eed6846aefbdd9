import { request } from 'node:http';

const PIECE = Buffer.alloc(100_000, 7);
const HEAD = '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n';
/** Start of a JPEG of 8 x 8 pixels up to its coded ones, and its end. */
const IMAGE_START = Buffer.from('ffd8ffc0000b080008000801011100ffda000801010000003f00', 'hex');
const IMAGE_END = Buffer.from('ffd9', 'hex');

/** Sends so many JPEGs at once, each piece by piece as fast as it is taken; gives back the statuses. */
export function floodUploads(url: string, count: number, imageBytes: number, apiKey?: string): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => upload(url, imageBytes, apiKey)));
}

function upload(url: string, imageBytes: number, apiKey: string | undefined): Promise<number> {
  const start = Buffer.concat([Buffer.from(HEAD), IMAGE_START]);
  const end = Buffer.concat([IMAGE_END, Buffer.from('\r\n--x--\r\n')]);
  let left = Math.floor((imageBytes - IMAGE_START.length - IMAGE_END.length) / PIECE.length);
  const headers = {
    'content-type': 'multipart/form-data; boundary=x',
    'content-length': start.length + left * PIECE.length + end.length,
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  };
  return new Promise((resolve, reject) => {
    const client = request(`${url}/api/v1/detections`, { method: 'POST', headers, agent: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!));
    });
    client.on('error', reject);
    client.write(start);
    const more = () => {
      while (left-- > 0) if (!client.write(PIECE)) return void client.once('drain', more);
      client.end(end);
    };
    more();
  });
}
