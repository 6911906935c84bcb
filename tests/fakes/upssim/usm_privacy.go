package upssim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"encoding/binary"
)

// keySizes of the ciphers, in bytes; DES's key brings the 8 bytes that its
// initialization vector is made with (RFC 3414, section 8.1.1.1).
var keySizes = map[string]int{"des": 16, "aes": 16, "aes192": 24, "aes256": 32, "aes192c": 24, "aes256c": 32}

// privacyKey is a user's key for an engine. Where the hash is shorter than the
// key, it is extended: by hashing on (draft-blumenthal-aes-usm-04, section
// 3.1.2.1), or by stretching what there is like a password
// (draft-reeder-snmpv3-usm-3desede-00, section 2.1).
func privacyKey(user User, engineID []byte) []byte {
	newHash := authProtocols[user.Auth].hash
	key := localize(newHash, passwordKey(newHash, user.PrivacyPassword), engineID)
	size := keySizes[user.Privacy]
	reeder := user.Privacy[len(user.Privacy)-1] == 'c'
	for last := key; len(key) < size; {
		if reeder {
			last = localize(newHash, passwordKey(newHash, string(last)), engineID)
		} else {
			h := newHash()
			h.Write(key)
			last = h.Sum(nil)
		}
		key = append(key, last...)
	}
	return key[:size]
}

// decrypt opens a scoped PDU; with a wrong key there is none in it.
func (a *account) decrypt(m *secure) (element, bool) {
	if m.data.tag != tagOctetString || len(m.salt) != 8 || a.Privacy == "des" && len(m.data.body)%des.BlockSize != 0 {
		return element{}, false
	}
	plain := make([]byte, len(m.data.body))
	if a.Privacy == "des" {
		cipher.NewCBCDecrypter(a.desBlock(), a.desVector(m.salt)).CryptBlocks(plain, m.data.body)
	} else {
		//nolint:staticcheck // RFC 3826, section 3.1.1: CFB with segments of 128 bits
		cipher.NewCFBDecrypter(a.aesBlock(), aesVector(m.boots, m.clock, m.salt)).XORKeyStream(plain, m.data.body)
	}
	scoped, _, err := next(plain)
	return scoped, err == nil
}

func (a *account) desBlock() cipher.Block {
	block, err := des.NewCipher(a.privacyKey()[:8])
	if err != nil {
		panic(err) // a key of the right size
	}
	return block
}

func (a *account) aesBlock() cipher.Block {
	block, err := aes.NewCipher(a.privacyKey())
	if err != nil {
		panic(err) // a key of the right size
	}
	return block
}

// encrypt closes a scoped PDU.
func (a *account) encrypt(scoped []byte, boots, clock int64, count uint64) (closed, salt []byte) {
	if a.Privacy == "des" {
		salt = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(boots)), uint32(count))
		for len(scoped)%des.BlockSize != 0 {
			scoped = append(scoped, 0)
		}
		closed = make([]byte, len(scoped))
		cipher.NewCBCEncrypter(a.desBlock(), a.desVector(salt)).CryptBlocks(closed, scoped)
		return encode(tagOctetString, closed), salt
	}
	salt = binary.BigEndian.AppendUint64(nil, count)
	closed = make([]byte, len(scoped))
	//nolint:staticcheck // see decrypt
	cipher.NewCFBEncrypter(a.aesBlock(), aesVector(boots, clock, salt)).XORKeyStream(closed, scoped)
	return encode(tagOctetString, closed), salt
}

func (a *account) desVector(salt []byte) []byte {
	vector, key := make([]byte, 8), a.privacyKey()
	for i := range vector {
		vector[i] = key[8+i] ^ salt[i]
	}
	return vector
}

// aesVector is boots, time and salt (RFC 3826, section 3.1.2.1).
func aesVector(boots, clock int64, salt []byte) []byte {
	vector := binary.BigEndian.AppendUint32(nil, uint32(boots))
	return append(binary.BigEndian.AppendUint32(vector, uint32(clock)), salt...)
}
